// An answer that comes bit by bit, saved as a file; the browser keeps what is large on its disk until then.
import { size } from "./words.js";

// Says now and then how much has come; gives the size in words.
export async function save(answer, name, tell) {
  let bytes = 0;
  let told = 0;
  const counting = new TransformStream({
    transform(piece, out) {
      bytes += piece.byteLength;
      if (performance.now() - told > 500) {
        told = performance.now();
        tell(size(bytes));
      }
      out.enqueue(piece);
    },
  });
  const whole = await new Response(answer.body.pipeThrough(counting)).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(whole);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return size(bytes);
}

// A camera or a microphone, for the element that has its button: asked for once at a time, and let go when it has gone.
export const there = () => Boolean(navigator.mediaDevices?.getUserMedia); // only on this machine's own address, and by https

// The stream; null where there is none: `tell` has said why, in the sentence that `why` has for the error.
export async function streamFor(element, wanted, why) {
  if (element.asking) return null;
  element.asking = true;
  element.tell("");
  try {
    const stream = await navigator.mediaDevices.getUserMedia(wanted);
    if (element.isConnected) return stream;
    letGo(stream);
  } catch (error) {
    element.tell(why(error));
  } finally {
    element.asking = false;
  }
  return null;
}

export function letGo(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

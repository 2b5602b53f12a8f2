// All files that were dropped, those in dropped folders, however deep, among them.
export async function filesIn(dropped) {
  // the entries have to be asked for before anything is awaited
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...dropped.files];
  return entries.some((entry) => entry.isDirectory) ? within(entries) : files;
}

async function within(entries) {
  const files = [];
  const left = [...entries];
  while (left.length) {
    const entry = left.pop();
    if (entry.isFile) {
      files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
      continue;
    }
    const reader = entry.createReader();
    for (;;) { // a reader gives a hundred at a time
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) break;
      left.push(...some);
    }
  }
  return files;
}

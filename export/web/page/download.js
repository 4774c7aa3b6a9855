// Files whose bytes are counted as they come, unpacked where they are compressed.

/** The content of a file; `count` is told of each chunk's number of bytes. */
export async function download(url, count) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const counted = new TransformStream({
    transform(chunk, controller) {
      count(chunk.length);
      controller.enqueue(chunk);
    },
  });
  const bytes = await content(response.body.pipeThrough(counted));
  // A server may have said that the file is compressed, and the browser have unpacked it.
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isPacked) return bytes;
  return content(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
}

const content = async (stream) => new Uint8Array(await new Response(stream).arrayBuffer());

/** Shows how many of `total` bytes have come, on a progress bar with a text beside it. */
export function counter(bar, text, total) {
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  let loaded = 0;
  return (bytes) => {
    loaded = Math.min(total, loaded + bytes);
    bar.value = loaded / total;
    text.textContent = `${megabytes(loaded)} of ${megabytes(total)} MB`;
  };
}

// A service worker: answers with the files that it has kept, whether there is a network or not.

const INDEX = "page.json";
const version = new URL(location).searchParams.get("version");
const prefix = `${registration.scope} `;
const CACHE = prefix + version;

async function fill() {
  const index = await fetch(INDEX, { cache: "no-cache" });
  const { files } = await index.clone().json();
  const cache = await caches.open(CACHE);
  await cache.put(INDEX, index);
  await cache.addAll(["./", ...Object.keys(files)]);
}

async function forgetOthers() {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith(prefix) && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
}

// The index tells of a newer version, and so comes from the network where there is one.
async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept && !request.url.endsWith(`/${INDEX}`)) return kept;
  try {
    return await fetch(request);
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

addEventListener("install", (event) => event.waitUntil(fill().then(() => skipWaiting())));
addEventListener("activate", (event) =>
  event.waitUntil(forgetOthers().then(() => clients.claim())));
addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
});

// Keeps all parts of the doctor, so that it works without the network. The build writes the version.

const CACHE = "doctor-VERSION";
const SHELL = ["./", "index.html", "app.js", "style.css"];

self.addEventListener("install", (event) => {
  self.skipWaiting();
  const fresh = SHELL.map((path) => new Request(path, {cache: "reload"})); // not what the browser kept of an older version
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)));
});
self.addEventListener("activate", (event) => event.waitUntil((async () => {
  const old = (await caches.keys()).filter((name) => name.startsWith("doctor-") && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
})()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && event.request.url.startsWith(self.registration.scope)) event.respondWith(kept(event.request));
});

async function kept(request) {
  const cache = await caches.open(CACHE), found = await cache.match(request, {ignoreSearch: true});
  if (found) return found;
  const response = await fetch(request.mode === "navigate" ? request : new Request(request, {cache: "no-cache"}));
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

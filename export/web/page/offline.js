// The page is kept in the browser, so that it works without a network from the second visit on.

import { $ } from "./dom.js";

/** Lets the service worker keep this version, where the browser has such. */
export async function keep(version) {
  if (!navigator.serviceWorker) return; // the page came neither from 127.0.0.1 nor by https
  try {
    await navigator.serviceWorker.register(`worker.js?version=${version}`);
    await navigator.serviceWorker.ready;
  } catch {
    return; // a browser that keeps nothing, or is short of space: the page works as it is
  }
  $("offline").hidden = false;
}

// What can go wrong is said on the page.

import { $ } from "./dom.js";

export function fail(message) {
  $("problem").textContent = message;
  document.body.dataset.state = "failed";
}

async function isMissing(file) {
  try {
    return !(await fetch(file, { method: "HEAD", cache: "no-store" })).ok;
  } catch {
    return true;
  }
}

/** Names the files, of all that the page has, that cannot be fetched; or else the error. */
export async function explain(error, files) {
  const missing = await Promise.all(files.map(isMissing));
  const names = files.filter((_, i) => missing[i]);
  if (names.length) fail(`Could not be fetched: ${names.join(", ")}`);
  else fail(`The model cannot be run: ${error?.message ?? error}`);
}

/** Runs `work` for the newest arguments, one call at a time; what came between is skipped. */
export function newest(work) {
  let [waiting, busy] = [null, false];
  return async (...args) => {
    waiting = args;
    if (busy) return;
    busy = true;
    try {
      while (waiting) {
        const next = waiting;
        waiting = null;
        await work(...next);
      }
    } catch (error) {
      fail(`The model cannot be run: ${error?.message ?? error}`);
    } finally {
      busy = false;
    }
  };
}

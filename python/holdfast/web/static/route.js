// Where one is: `#/artifacts?type=plan&id=7`. The address holds all that back and reload keep.

/** Read an address: the page's name, and its parameters as URLSearchParams. */
export function read(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { name: path.split("/")[0], query: new URLSearchParams(query) };
}

/** Write one. */
export function address(name, parameters = {}) {
  return `#/${name}${search(parameters)}`;
}

/** An object as the search of an address, with its `?`: lists are repeated, what is empty left out. */
export function search(parameters) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    for (const each of [value].flat()) {
      if (each !== null && each !== undefined && each !== "") query.append(key, each);
    }
  }
  return query.size ? `?${query}` : "";
}

/** Go there; `replace` keeps one from coming back to where one is. */
export function go(where, { replace = false } = {}) {
  if (where === location.hash) return;
  history[replace ? "replaceState" : "pushState"](null, "", where);
  window.dispatchEvent(new Event("routechange"));
}

/** Call whenever one is elsewhere, by a link, by back and forward, or by `go`. */
export function onRoute(listener) {
  for (const event of ["popstate", "routechange"]) window.addEventListener(event, listener);
}

// Where one is: `#/artifacts?type=plan&id=7`. The address holds all that back and reload keep.

/** Read an address: the page's name, and its parameters as URLSearchParams. */
export function read(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { name: path.split("/")[0], query: new URLSearchParams(query) };
}

/** Write one. Parameters are an object or URLSearchParams; lists are repeated, what is empty left out. */
export function address(name, parameters = {}) {
  const query = new URLSearchParams();
  const pairs = parameters instanceof URLSearchParams ? parameters : Object.entries(parameters);
  for (const [key, value] of pairs) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== null && each !== undefined && each !== "") query.append(key, each);
    }
  }
  return `#/${name}${query.size ? `?${query}` : ""}`;
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

/** A resource's name without its collection: `web-0` of `machines/web-0`, `web-0/os` of `machines/web-0/facets/os`. */
export function shortName(name: string): string {
  const facet = /^machines\/([^/]+)\/facets\/(.+)$/.exec(name)
  if (facet !== null) return `${facet[1]}/${facet[2]}`
  return name.slice(name.indexOf('/') + 1)
}

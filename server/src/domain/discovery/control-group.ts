/** The systemd unit in a control group, without its ending; empty when it is in none. */
export function unitIn(controlGroup: string): string {
  const unit = controlGroup.split('/').findLast((part) => /\.(service|scope|socket)$/.test(part))
  return unit === undefined ? '' : unit.slice(0, unit.lastIndexOf('.'))
}

/** The first 12 characters of the id of the container in a control group, as Docker and Kubernetes write them. */
export function containerIn(controlGroup: string): string {
  return /(?:^|[/-])([0-9a-f]{64})(?:\.scope)?(?:$|\/)/.exec(controlGroup)?.[1]?.slice(0, 12) ?? ''
}

import type { Unseen } from '@holdfast/agent'

/** Ports that are named; what is more is counted. */
const MAX_PORTS = 10

const NOTHING_VANISHES = 'no finding vanishes by this scan'

/** What could not be seen of processes, what that means for the findings, and what to do. */
export function unseenText(unseen: Unseen): string {
  switch (unseen.what) {
    case 'port-owners':
      return (
        `which processes have ${portsText(unseen.ports)}: other users' do. Every process was seen, so a finding vanishes ` +
        'when none of its service is left; a service known by its port alone may be missing. Run as root to see all'
      )
    case 'processes':
      return `processes of other users, which /proc hides: what they are is not found, and ${NOTHING_VANISHES}. Run as root to see all`
    case 'ports':
      return `ports, which takes Linux: services known by their port alone are missing, and ${NOTHING_VANISHES}`
    case 'overflow':
      return `processes beyond what one report holds: those that listen came first, and ${NOTHING_VANISHES}`
  }
}

function portsText(ports: readonly number[]): string {
  const named = ports.slice(0, MAX_PORTS).join(', ')
  const more = ports.length > MAX_PORTS ? ` and ${ports.length - MAX_PORTS} more` : ''
  return `${ports.length === 1 ? 'port' : 'ports'} ${named}${more}`
}

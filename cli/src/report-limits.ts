/** How long a start or stop script waits for the server when its report is kept already, in milliseconds. */
export const HAND_OVER_MS = 250

/** How long a deploy tool waits for the server when its report is kept already, in milliseconds. */
export const DEPLOY_HAND_OVER_MS = 2_000

/** How often a start or stop script tries: over a reconnect, and not through a restart of the server. */
export const REPORT_ATTEMPTS = 3

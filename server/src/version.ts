/** The version of this server, as GetServerInfo tells it. A test holds it to package.json. */
export const serverVersion = '0.1.0'

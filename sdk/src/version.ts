/** The version of this package, sent to the server as `holdfast-client: ts/VERSION`. A test holds it to package.json. */
export const sdkVersion = '0.1.0'

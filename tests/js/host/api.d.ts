/** The host's server, as its page speaks to it. */
export const api: {
  /** What the server's socket calls this page, once it is connected. */
  clientId?: string
  fetchApi(route: string, options?: RequestInit): Promise<Response>
  apiURL(route: string): string
  addEventListener(type: string, listener: (event: any) => void): void
}

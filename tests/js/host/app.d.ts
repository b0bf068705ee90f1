/** What the host's page is, as far as an extension of it may ask; its own types are not published with it. */
export const app: {
  registerExtension(extension: object): void
  extensionManager: {
    toast: { add(message: { severity: string; summary: string; detail?: string; life?: number }): void }
    dialog: { confirm(question: object): Promise<boolean | null> }
  }
  [other: string]: any
}

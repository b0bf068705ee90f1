/** A value of JSON; a type that holds itself cannot be written as a comment. */
export type Json = null | boolean | number | string | Json[] | Map<string, Json>
/** What our own writers hand in. */
export type Plain = string | number | Plain[]

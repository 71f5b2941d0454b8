/** Something wrong on a page. */
export interface Problem {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

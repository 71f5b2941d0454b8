// Principal: on whose behalf a connection acts. Every connection has one; sessions, groups and transactions belong to
// theirs. Its tenant is that of the user who was verified, never what a client says (N16).

/** A verified user, or nobody in particular. */
export interface Principal {
  readonly tenant: string;
  /** Name of the user; empty for an anonymous one. */
  readonly name: string;
  readonly superuser: boolean;
  /** Let in without credentials. */
  readonly anonymous: boolean;
}

/** Makes, compares and writes principals. */
export const Principal = {
  /** The principal of connections of a tenant that were let in without credentials. */
  anonymous(tenant: string): Principal {
    return { tenant, name: '', superuser: false, anonymous: true };
  },

  /** Whether both are the same user. Rights may have changed in between; all anonymous connections of a tenant are one. */
  isSame(left: Principal, right: Principal): boolean {
    return left.tenant === right.tenant && left.anonymous === right.anonymous && left.name === right.name;
  },

  /** How logs and audit lines write it, as Kafka does. */
  format({ name, anonymous }: Principal): string {
    return `User:${anonymous ? 'ANONYMOUS' : name}`;
  },
} as const;

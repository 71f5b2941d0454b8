import { anonymousPrincipal, formatPrincipal, isSamePrincipal, type Principal } from '../src/principal.ts';

const user = (over: Partial<Principal> = {}): Principal => ({
  tenant: 'default',
  name: 'sensor',
  superuser: false,
  anonymous: false,
  ...over,
});

describe('Principal', () => {
  it.each([
    ['itself', user(), true],
    ['itself with other rights', user({ superuser: true }), true],
    ['another user', user({ name: 'pump' }), false],
    ['the same name in another tenant (I10)', user({ tenant: 'other' }), false],
    ['nobody', anonymousPrincipal('default'), false],
  ])('is the same as %s: %s', (_name, other, expected) => {
    expect(isSamePrincipal(user(), other)).toBe(expected);
    expect(isSamePrincipal(other, user())).toBe(expected);
  });

  it('anonymous connections of a tenant are one, and none of another tenant (I10)', () => {
    expect(isSamePrincipal(anonymousPrincipal('a'), anonymousPrincipal('a'))).toBe(true);
    expect(isSamePrincipal(anonymousPrincipal('a'), anonymousPrincipal('b'))).toBe(false);
  });

  it('a user may be called like the word for nobody without being it', () => {
    const namesake = user({ name: 'ANONYMOUS' });
    expect(isSamePrincipal(namesake, anonymousPrincipal('default'))).toBe(false);
    expect([formatPrincipal(user()), formatPrincipal(anonymousPrincipal('default'))]).toEqual([
      'User:sensor',
      'User:ANONYMOUS',
    ]);
  });
});

import { Principal } from '../src/principal.ts';

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
    ['nobody', Principal.anonymous('default'), false],
  ])('is the same as %s: %s', (_name, other, expected) => {
    expect(Principal.isSame(user(), other)).toBe(expected);
    expect(Principal.isSame(other, user())).toBe(expected);
  });

  it('anonymous connections of a tenant are one, and none of another tenant (I10)', () => {
    expect(Principal.isSame(Principal.anonymous('a'), Principal.anonymous('a'))).toBe(true);
    expect(Principal.isSame(Principal.anonymous('a'), Principal.anonymous('b'))).toBe(false);
  });

  it('a user may be called like the word for nobody without being it', () => {
    const namesake = user({ name: 'ANONYMOUS' });
    expect(Principal.isSame(namesake, Principal.anonymous('default'))).toBe(false);
    expect([Principal.format(user()), Principal.format(Principal.anonymous('default'))]).toEqual([
      'User:sensor',
      'User:ANONYMOUS',
    ]);
  });
});

import { DeleteUserRequestSchema, PutUserRequestSchema } from '@robustmq/rpc';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';
import { USER } from './support/users.ts';

describe('the last superuser of the default tenant', () => {
  let world: TestMeta;
  beforeEach(async () => {
    world = await TestMeta.open();
    await put('admin', true);
  });
  afterEach(() => world.remove());

  const put = (name: string, superuser: boolean, tenant = 'default') =>
    world.cluster.putUser(
      message(PutUserRequestSchema, { user: { ...USER, tenant, name, superuser } }),
      CONTEXT,
    );
  const remove = (name: string, tenant = 'default') =>
    world.cluster.deleteUser(message(DeleteUserRequestSchema, { tenant, name }), CONTEXT);
  const names = () => [...world.meta.state.users.values()].map(({ name, superuser }) => [name, superuser]);

  test('is neither deleted nor demoted, whoever else there is', async () => {
    await put('reader', false);
    await put('other', true, 'elsewhere');
    const before = await world.dump();
    await expect(remove('admin')).rejects.toMatchObject({
      code: 'conflict',
      details: { field: 'superuser' },
    });
    await expect(put('admin', false)).rejects.toThrow('admin is the last superuser');
    expect(await world.dump()).toEqual(before);
  });

  test('may change its password, and goes once there is another one', async () => {
    await put('admin', true);
    await put('second', true);
    await put('admin', false);
    await expect(remove('second')).rejects.toEqual(failing('conflict'));
    await put('admin', true);
    await remove('second');
    expect(names()).toEqual([['admin', true]]);
  });

  test('others come and go as they like, in every tenant', async () => {
    await put('reader', false);
    await remove('reader');
    await put('other', true, 'elsewhere');
    await remove('other', 'elsewhere');
    expect(names()).toEqual([['admin', true]]);
    await expect(remove('nobody')).rejects.toEqual(failing('not_found'));
  });
});

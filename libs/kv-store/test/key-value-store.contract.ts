import { KeyValueBatch, type KeyValueStore } from '../src/index.ts';

const k = (text: string): Buffer => Buffer.from(text);

/** What every store must do; each implementation runs it with its own way to open one. */
export function keyValueStoreContract(open: () => Promise<KeyValueStore>): void {
  let store: KeyValueStore;
  beforeEach(async () => {
    store = await open();
  });
  afterEach(() => store.close());

  const texts = async (family: string, range: Parameters<KeyValueStore['scan']>[1]): Promise<string[]> =>
    (await store.scan(family, range)).map((entry) => `${entry.key.toString()}=${entry.value.toString()}`);

  it('reads what was written, per family', async () => {
    await store.write(new KeyValueBatch().put('a', k('x'), k('1')).put('b', k('x'), k('2')));
    expect(await store.get('a', k('x'))).toEqual(k('1'));
    expect(await store.getMany('b', [k('none'), k('x')])).toEqual([undefined, k('2')]);
    expect(await store.getMany('b', [])).toEqual([]);
    expect(await store.get('a', k(''))).toBeUndefined();
  });

  it('keeps an empty value apart from an absent one', async () => {
    await store.write(new KeyValueBatch().put('a', k('empty'), Buffer.alloc(0)));
    expect(await store.get('a', k('empty'))).toEqual(Buffer.alloc(0));
  });

  it('applies a batch in order', async () => {
    await store.write(
      new KeyValueBatch().put('a', k('x'), k('1')).delete('a', k('x')).put('a', k('y'), k('2')),
    );
    expect(await texts('a', { from: k(''), limit: 10 })).toEqual(['y=2']);
    await store.write(new KeyValueBatch());
  });

  it('scans in byte order, bounded, both ways', async () => {
    const batch = new KeyValueBatch();
    for (const key of ['b', 'a', 'ab', 'c']) batch.put('a', k(key), k(key));
    batch.put('a', Buffer.from([0xff]), k('high'));
    await store.write(batch);
    expect(await texts('a', { from: k('a'), until: k('c'), limit: 10 })).toEqual(['a=a', 'ab=ab', 'b=b']);
    expect(await texts('a', { from: k('a'), until: k('c'), limit: 2 })).toEqual(['a=a', 'ab=ab']);
    expect(await texts('a', { from: k('a'), until: k('c'), limit: 2, reverse: true })).toEqual([
      'b=b',
      'ab=ab',
    ]);
    expect(await texts('a', { from: k('a'), limit: 0 })).toEqual([]);
    expect(await store.scan('a', { from: k('d'), limit: 10 })).toHaveLength(1);
  });

  it('scans past one step', async () => {
    const batch = new KeyValueBatch();
    for (let i = 0; i < 1_000; i++) batch.put('a', k(String(i).padStart(5, '0')), k('v'));
    await store.write(batch);
    expect(await store.scan('a', { from: k(''), limit: 700 })).toHaveLength(700);
    expect(await store.scan('a', { from: k(''), limit: 5_000 })).toHaveLength(1_000);
  });

  it('deletes a range of one family', async () => {
    const batch = new KeyValueBatch();
    for (const family of ['a', 'b']) for (const key of ['1', '2', '3']) batch.put(family, k(key), k(key));
    await store.write(batch);
    await store.write(new KeyValueBatch().deleteRange('a', k('1'), k('3')));
    expect(await texts('a', { from: k(''), limit: 10 })).toEqual(['3=3']);
    expect(await texts('b', { from: k(''), limit: 10 })).toHaveLength(3);
  });

  it('shows a snapshot as it was, until released', async () => {
    await store.write(new KeyValueBatch().put('a', k('x'), k('1')).put('b', k('x'), k('1')));
    const snapshot = store.snapshot();
    await store.write(new KeyValueBatch().put('a', k('x'), k('2')).deleteRange('b', k(''), k('z')));
    expect(await snapshot.get('a', k('x'))).toEqual(k('1'));
    expect(await snapshot.getMany('b', [k('x')])).toEqual([k('1')]);
    expect(await snapshot.scan('b', { from: k(''), limit: 5 })).toHaveLength(1);
    await snapshot.release();
    expect(await store.get('a', k('x'))).toEqual(k('2'));
  });

  it('refuses an unknown family, and everything once closed', async () => {
    await expect(store.get('nope', k('x'))).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(
      store.write(new KeyValueBatch().put('a', k('x'), k('1')).delete('nope', k('x'))),
    ).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    expect(await store.get('a', k('x'))).toBeUndefined();
    await store.close();
    await expect(store.get('a', k('x'))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(store.flush('a')).rejects.toMatchObject({ code: 'unavailable' });
  });
}

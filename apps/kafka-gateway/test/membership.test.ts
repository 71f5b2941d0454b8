// After an outage of meta-service a gateway has one link to each journal-server: that of the incarnation before is closed.
import type { JournalClient } from '@robustmq/journal-client';
import { JournalAdapter } from '../src/adapters/journal.ts';

test('the client of the next incarnation takes the place of the one before, whose links are closed', () => {
  const open = new Set<number>();
  const clientOf = (incarnation: number): JournalClient => {
    open.add(incarnation);
    return { connected: true, close: () => void open.delete(incarnation) } as unknown as JournalClient;
  };
  const journal = new JournalAdapter(() => 1);
  expect(journal.connected).toBe(false);
  for (const incarnation of [1, 2, 3]) {
    journal.use(clientOf(incarnation));
    expect([...open]).toEqual([incarnation]);
  }
  expect(journal.connected).toBe(true);
  journal.close();
  expect([...open]).toEqual([]);
});

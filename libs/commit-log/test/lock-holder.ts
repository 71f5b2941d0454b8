// Locks a directory until it is killed: `node lock-holder.ts <directory>`.

import { NodeDisk } from '../src/node-disk.ts';

const lock = new NodeDisk().lock(process.argv[2] ?? '');
process.send?.('locked');
process.once('disconnect', () => lock.release());

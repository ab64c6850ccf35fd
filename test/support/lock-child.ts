/** A process that takes the lock of a state dir at a given time, says what came of it in one line, and stays: `<dir> <epoch ms>`. */
import { Failure } from '../../src/model/failure.ts';
import { lockStateDir } from '../../src/store/lock.ts';

const [, , dir = '', startAt = '0'] = process.argv;
while (Date.now() < Number(startAt)) {
  // Spins on purpose: contenders shall start within the same microseconds.
}
try {
  await lockStateDir(dir);
  console.log('held');
} catch (error) {
  console.log(error instanceof Failure ? `${error.code} ${error.where?.replace('pid ', '')}` : String(error));
}
setInterval(() => undefined, 1_000);

// Ends what the stack started when the process that started it is gone, however it went (kill -9 included).
// It reads a pipe from that process: one command per line; the end of the pipe is the parent's end.
//   add <pid> <signal>      a process group leader, and the signal that stops it in good order
//   remove <pid>            it has ended
//   finally <json argv>     a command to run at the end (docker compose down)
//   forget                  everything was stopped in good order: nothing is left to do
import { spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

const GRACE_MS = 8_000;
const groups = new Map();
let commands = [];

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

const send = (pid, signal) => {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false; // no such process any more
  }
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [verb, argument, signal] = line.split(' ');
    if (verb === 'add') groups.set(Number(argument), signal);
    else if (verb === 'remove') groups.delete(Number(argument));
    else if (verb === 'finally') commands.push(JSON.parse(line.slice('finally '.length)));
    else if (verb === 'forget') {
      groups.clear();
      commands = [];
    }
  })
  .on('close', () => {
    for (const [pid, signal] of groups) send(pid, signal);
    const deadline = Date.now() + GRACE_MS;
    const sweep = () => {
      for (const pid of groups.keys()) {
        const left = Date.now() >= deadline ? (send(-pid, 'SIGKILL'), false) : send(-pid, 0);
        if (!left) groups.delete(pid);
      }
      if (groups.size > 0) return void setTimeout(sweep, 100);
      for (const [command, ...args] of commands) spawnSync(command, args, { stdio: 'ignore', timeout: 60_000 });
    };
    sweep();
  });

// A mail server as far as its first words: it greets whoever connects before it has heard anything, as SMTP, FTP and MySQL do.
import { createServer } from 'node:net';

const { NAME = 'mail', HOST = '127.0.0.1', PORT = '2525' } = process.env;

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.write(`220 ${NAME} at your service\r\n`);
  socket.on('data', (words) => {
    const [verb = '', name = ''] = String(words).trim().split(' ');
    if (verb === 'QUIT') socket.end('221 bye\r\n');
    else socket.write(verb === 'HELO' ? `250 hello ${name}\r\n` : '500 what?\r\n');
  });
});
server.listen(Number(PORT), HOST, () => console.log(`listening ${HOST}:${PORT}`));

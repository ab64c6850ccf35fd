// `node --experimental-websocket websockets.mjs URL COUNT`: opens so many WebSockets at once, with the client that Node brings. On each
// it hears a greeting, sends a hundred short messages and one of 100,000 bytes, stays silent for two seconds, sends one more, and closes.
const [url, amount] = process.argv.slice(2);
const long = 'weft'.repeat(25_000);

async function converse() {
  const socket = new WebSocket(url.replace('http', 'ws'));
  const heard = [];
  let wake = () => undefined;
  socket.onmessage = ({ data }) => {
    heard.push(data);
    wake();
  };
  const closed = new Promise((resolve) => {
    socket.onclose = resolve;
  }).then((event) => {
    wake();
    return event;
  });
  const hear = async (count) => {
    while (heard.length < count && socket.readyState <= WebSocket.OPEN)
      await new Promise((resolve) => {
        wake = resolve;
      });
  };
  await hear(1);
  const sent = [...Array.from({ length: 100 }, (_, index) => `message ${index}`), long];
  for (const message of sent) socket.send(message);
  await hear(1 + sent.length);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  if (socket.readyState === WebSocket.OPEN) socket.send('still there?');
  await hear(2 + sent.length);
  socket.close(1000);
  const { code, wasClean } = await closed;
  const isWhole = [...sent, 'still there?'].every((message, index) => heard[index + 1] === message);
  return { by: heard[0], isWhole: isWhole && wasClean && code === 1000 };
}

const all = await Promise.all(Array.from({ length: Number(amount) }, converse));
const by = (name) => all.filter((one) => one.by === name).length;
const whole = all.filter(({ isWhole }) => isWhole).length;
console.log(`${whole} of ${amount} WebSockets to their end, quotes-1 ${by('quotes-1')}, quotes-2 ${by('quotes-2')}`);

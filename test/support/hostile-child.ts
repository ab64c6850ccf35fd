// A program of its own, of two: the server that is attacked, or the proxies that must not notice.
if (process.argv[2] === 'server') await import('./hostile-server.ts');
else await import('../../bench/support/load-client.ts');

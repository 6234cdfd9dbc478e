// The other side of processes.Driver, for programs on Node.
'use strict';

const readline = require('node:readline');

// Answers until the end of stdin.
function serve(works) {
  console.log('{}');
  const lines = readline.createInterface({input: process.stdin});
  lines.on('line', async (line) => {
    const {work, size} = JSON.parse(line);
    try {
      console.log(JSON.stringify(await works[work](size)));
    } catch (error) {
      console.error(error);
      console.log(JSON.stringify({error: String(error)}));
    }
  });
  lines.on('close', () => process.exit(0));
}

module.exports = {serve};

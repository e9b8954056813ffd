// SPDX-License-Identifier: Apache-2.0
// For node: hot functions, compiled while they run, that read from the folder; a worker beside.
const fs = require('fs');
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');
const folder = isMainThread ? process.argv[2] : workerData;

function mix(sum, byte) {
	return (Math.imul(sum, 31) + byte) | 0;
}

function readAll(times) {
	let sum = 0;
	for (let i = 0; i < times; i++) {
		for (const byte of fs.readFileSync(folder + '/text/table.csv')) {
			sum = mix(sum, byte);
		}
		sum = mix(sum, fs.statSync(folder + '/binary/mega.bin').size);
	}
	return sum;
}

if (!isMainThread) {
	parentPort.postMessage(readAll(20));
} else {
	console.log('sync', readAll(30), fs.readdirSync(folder + '/text').length);
	try {
		fs.openSync(folder + '/none');
	} catch (error) {
		console.log('missing', error.code);
	}
	// Both at once, printed in one order: which of them ends first is nobody's promise.
	const small = fs.promises.readFile(folder + '/probe/small.txt', 'utf8');
	const worker = new Promise((resolve, reject) => {
		new Worker(__filename, { workerData: folder }).on('message', resolve).on('error', reject);
	});
	Promise.all([small, worker]).then(([text, sum]) => {
		console.log('promise', text);
		console.log('worker', sum);
	});
}

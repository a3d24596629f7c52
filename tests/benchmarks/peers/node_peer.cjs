// What tests/benchmarks/peers.py runs under Node: `node node_peer.cjs NAME MODULES THREADS REPEATS PHOTO...`.
// One JSON line: {"version", "start_s", "photos": [{"photo", "faces", "answer", "ms": [...]}]}.
// A photo's time is from its file to the probabilities. Not a part of the dashboard.

const fs = require('fs');
const http = require('http');
const path = require('path');
const { createRequire } = require('module');

const [name, modules, threads, repeats, ...photos] = process.argv.slice(2);
const began = performance.now();
const load = createRequire(path.join(path.resolve(modules), 'peer.cjs'));
const folderOf = (of) => path.join(path.resolve(modules), 'node_modules', ...of.split('/'));
const tf = load('@tensorflow/tfjs');
const wasm = load('@tensorflow/tfjs-backend-wasm');
const sharp = load('sharp');
sharp.concurrency(Number(threads));
sharp.cache(false);
wasm.setWasmPaths(folderOf('@tensorflow/tfjs-backend-wasm') + '/dist/');
wasm.setThreadsCount(Number(threads));

async function tensorOf(photo) {
  const { data, info } = await sharp(fs.readFileSync(photo)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return tf.tensor3d(new Uint8Array(data), [info.height, info.width, 3], 'int32');
}

const best = (shares) => Object.entries(shares).sort((a, b) => b[1] - a[1])[0];

async function faceApi() {
  const faceapi = load('@vladmandic/face-api/dist/face-api.node-wasm.js');
  await tf.setBackend('wasm');
  await tf.ready();
  const folder = folderOf('@vladmandic/face-api') + '/model';
  for (const part of ['ssdMobilenetv1', 'faceLandmark68Net', 'faceExpressionNet']) await faceapi.nets[part].loadFromDisk(folder);
  const options = new faceapi.SsdMobilenetv1Options({ minConfidence: 0.5, maxResults: 10 });
  const answer = async (photo) => {
    const tensor = await tensorOf(photo);
    const found = await faceapi.detectAllFaces(tensor, options).withFaceLandmarks().withFaceExpressions();
    tf.dispose(tensor);
    return found.map((face) => best(face.expressions));
  };
  return { answer, version: load('@vladmandic/face-api/package.json').version };
}

async function human() {
  // It fetches its models: here from this process itself, before any time is taken.
  const models = folderOf('@vladmandic/human') + '/models';
  const server = http.createServer((asked, reply) => fs.createReadStream(path.join(models, path.basename(asked.url))).pipe(reply));
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const { Human } = load(`${folderOf('@vladmandic/human')}/dist/human.node-wasm.js`);
  const off = { enabled: false };
  const made = new Human({
    modelBasePath: `http://127.0.0.1:${server.address().port}/`, debug: false, backend: 'wasm',
    wasmPath: folderOf('@tensorflow/tfjs-backend-wasm') + '/dist/',
    cacheSensitivity: 0, filter: off, gesture: off, body: off, hand: off, object: off, segmentation: off,
    face: {
      enabled: true, iris: off, description: off, antispoof: off, liveness: off, mesh: { enabled: true },
      detector: { skipFrames: 0, skipTime: 0, maxDetected: 10 }, emotion: { enabled: true, skipFrames: 0, skipTime: 0 },
    },
  });
  await made.load();
  const answer = async (photo) => {
    const tensor = await tensorOf(photo);
    const found = await made.detect(tensor);
    tf.dispose(tensor);
    return found.face.map((face) => (face.emotion?.length ? [face.emotion[0].emotion, face.emotion[0].score] : ['none', 0]));
  };
  return { answer, version: made.version, close: () => server.close() };
}

async function main() {
  const peer = await (name === 'human' ? human : faceApi)();
  await peer.answer(photos[0]);
  const result = { version: peer.version, start_s: (performance.now() - began) / 1000, photos: [] };
  for (const photo of photos) {
    const ms = [];
    let found = await peer.answer(photo);
    for (let turn = 0; turn < Number(repeats); turn += 1) {
      const since = performance.now();
      found = await peer.answer(photo);
      ms.push(performance.now() - since);
    }
    result.photos.push({ photo: path.basename(photo), faces: found.length, answer: found[0]?.[0] ?? '', ms });
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
  peer.close?.();
}

main().catch((error) => { console.error(error); process.exit(1); });

// ONNX model in protobuf's wire format, written by hand for its one node; field numbers are those of onnx.proto.
/** Encoded fields in pieces, so that weights are copied only once. */
type Message = readonly Uint8Array[];

/** Wire types of protobuf. */
const [VARINT, BYTES] = [0, 2] as const;
const IR_VERSION = 8;
const OPSET = 17;
/** Id of f32: TensorProto.DataType.FLOAT. */
const FLOAT = 1;

/** Encodes y[M, N] = x[M, K] · w[K, N] in f32, for any M; w is part of the model. */
export function matmulModel(K: number, N: number, w: Float32Array): Uint8Array {
  const raw = new Uint8Array(w.buffer, w.byteOffset, w.byteLength);
  const node = [...text(1, 'x'), ...text(1, 'w'), ...text(2, 'y'), ...text(4, 'MatMul')];
  const weight = [...integer(1, K), ...integer(1, N), ...integer(2, FLOAT), ...text(8, 'w'), ...bytes(9, [raw])];
  const graph = [
    ...bytes(1, node),
    ...text(2, 'matmul'),
    ...bytes(5, weight),
    ...bytes(11, matrixInfo('x', K)),
    ...bytes(12, matrixInfo('y', N)),
  ];
  return Buffer.concat([...integer(1, IR_VERSION), ...bytes(7, graph), ...bytes(8, integer(2, OPSET))]);
}

/** Encodes the ValueInfoProto of a matrix of M rows. */
function matrixInfo(name: string, columns: number): Message {
  const shape = [...bytes(1, text(2, 'M')), ...bytes(1, integer(1, columns))];
  const tensor = [...integer(1, FLOAT), ...bytes(2, shape)];
  return [...text(1, name), ...bytes(2, bytes(1, tensor))];
}

function integer(field: number, value: number): Message {
  return [varint(8 * field + VARINT), varint(value)];
}

function text(field: number, value: string): Message {
  return bytes(field, [Buffer.from(value)]);
}

function bytes(field: number, content: Message): Message {
  const length = content.reduce((sum, piece) => sum + piece.length, 0);
  return [varint(8 * field + BYTES), varint(length), ...content];
}

/** Encodes an integer in seven bits a byte, low ones first; the top bit is set while more follow. */
function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  return Uint8Array.from([...out, rest]);
}

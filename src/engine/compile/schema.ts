import protobuf from 'protobufjs/light.js';

const int = (id: number) => ({ type: 'int64', id });
const list = (type: string, id: number) => ({ rule: 'repeated', type, id });

/** TensorFlow's protocol buffers for a saved graph, as far as they are written here: tensorflow/core/protobuf/saved_model.proto and its kin. */
const MESSAGES = {
  SavedModel: { fields: { schemaVersion: int(1), metaGraphs: list('MetaGraph', 2) } },
  MetaGraph: { fields: { info: { type: 'MetaInfo', id: 1 }, graph: { type: 'Graph', id: 2 } } },
  MetaInfo: { fields: { tags: list('string', 4) } },
  Graph: {
    fields: { node: list('Node', 1), versions: { type: 'Versions', id: 4 } },
  },
  Versions: { fields: { producer: { type: 'int32', id: 1 }, minConsumer: { type: 'int32', id: 2 } } },
  Node: {
    fields: {
      name: { type: 'string', id: 1 },
      op: { type: 'string', id: 2 },
      input: list('string', 3),
      device: { type: 'string', id: 4 },
      attr: { keyType: 'string', type: 'Attr', id: 5 },
    },
  },
  Attr: {
    oneofs: { value: { oneof: ['list', 's', 'i', 'f', 'b', 'type', 'shape', 'tensor'] } },
    fields: {
      list: { type: 'List', id: 1 },
      s: { type: 'bytes', id: 2 },
      i: int(3),
      f: { type: 'float', id: 4 },
      b: { type: 'bool', id: 5 },
      type: { type: 'int32', id: 6 },
      shape: { type: 'Shape', id: 7 },
      tensor: { type: 'Tensor', id: 8 },
    },
  },
  List: { fields: { i: list('int64', 3), f: list('float', 4), type: list('int32', 6), shape: list('Shape', 7) } },
  Dim: { fields: { size: int(1) } },
  Shape: { fields: { dim: list('Dim', 2) } },
  Tensor: {
    fields: {
      dtype: { type: 'int32', id: 1 },
      tensorShape: { type: 'Shape', id: 2 },
      tensorContent: { type: 'bytes', id: 4 },
    },
  },
  Config: {
    fields: {
      intraOpThreads: { type: 'int32', id: 2 },
      interOpThreads: { type: 'int32', id: 5 },
      usePerSessionThreads: { type: 'bool', id: 9 },
      graphOptions: { type: 'GraphOptions', id: 10 },
    },
  },
  GraphOptions: { fields: { rewriteOptions: { type: 'RewriterConfig', id: 10 } } },
  RewriterConfig: { fields: { disableMetaOptimizer: { type: 'bool', id: 19 } } },
};

const root = protobuf.Root.fromJSON({ nested: MESSAGES });
const [SavedModel, Config] = [root.lookupType('SavedModel'), root.lookupType('Config')];

/** The bytes of a `saved_model.pb`, from plain objects in the shape of the messages. */
export function encodeSavedModel(model: object): Uint8Array {
  return SavedModel.encode(model).finish();
}

/** The bytes of a ConfigProto: how a session is run. */
export function encodeConfig(config: object): Uint8Array {
  return Config.encode(config).finish();
}

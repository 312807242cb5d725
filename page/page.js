// The page of a server: a playground, and a live view of its engine.
import { listenForKey } from './key.js';
import { watch } from './live.js';
import { startPlayground } from './playground.js';

listenForKey();
startPlayground();
void watch();

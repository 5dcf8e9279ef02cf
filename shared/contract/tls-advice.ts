/**
 * The cure for an entry that is wrong about TLS, as it stands at the end of a
 * failure's message. The daemon says it in English; a window recognises the
 * failure by this text, and says it in the user's language. Pure.
 */
import { message } from "../message.ts";

/** The service speaks TLS, and the entry does not say so. */
export const SET_TLS = message('set "tls": true in its entry');
/** The service speaks no TLS, and the entry says that it does. */
export const UNSET_TLS = message('remove "tls": true from its entry');

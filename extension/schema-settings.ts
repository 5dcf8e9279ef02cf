/**
 * Keeps zod from compiling validators with `new Function`. Compiling costs more at
 * the start than it saves for a window's few validations, and zod's check whether
 * it may compile touches a global that VS Code warns extensions about.
 */
import * as z from "zod";

z.config({ jitless: true });

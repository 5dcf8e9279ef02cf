/**
 * Keeps zod from compiling validators with `new Function`: that costs more at the
 * start than a window's few validations save, and the look whether it may do so
 * touches a global that VS Code warns extensions about.
 */
import * as z from "zod";

z.config({ jitless: true });

/**
 * One question of several, in VS Code's quick input: with a counter and a Back
 * button. Answers are checked while they are typed.
 */
import * as vscode from "vscode";

/** The outcome of a question. */
export type Answer<T> = { readonly at: "next"; readonly value: T } | { readonly at: "back" } | { readonly at: "cancelled" };

/** What every question has. */
export interface Step {
  readonly title: string;
  /** From 1. */
  readonly step: number;
  readonly totalSteps: number;
}

/** A row to choose, and its value; a separator has none. */
export interface Choice<T> extends vscode.QuickPickItem {
  readonly value?: T;
}

/** A choice among rows. */
export interface PickStep<T> extends Step {
  readonly placeholder: string;
  readonly choices: readonly Choice<T>[];
  /** The earlier choice, when the user comes back. */
  readonly active?: T | undefined;
}

/** Lets the user choose. */
export function askPick<T>({ placeholder, choices, active, ...step }: PickStep<T>): Promise<Answer<T>> {
  const box = vscode.window.createQuickPick<Choice<T>>();
  Object.assign(box, common(step));
  box.placeholder = placeholder;
  box.items = choices;
  box.matchOnDescription = true;
  const before = choices.filter(({ value }) => value !== undefined && value === active);
  if (before.length > 0) box.activeItems = before;
  return answerOf<T>(box, (answer) => {
    const value = box.selectedItems[0]?.value;
    if (value !== undefined) answer({ at: "next", value });
  });
}

/** An answer to type. */
export interface TextStep extends Step {
  readonly prompt: string;
  readonly placeholder: string;
  readonly value: string;
  /** What is wrong with the text, as a sentence; undefined: nothing. Must not reject. */
  readonly validate: (text: string) => string | undefined | Promise<string | undefined>;
}

/** Lets the user type. */
export function askText({ prompt, placeholder, value, validate, ...step }: TextStep): Promise<Answer<string>> {
  const box = vscode.window.createInputBox();
  Object.assign(box, common(step));
  box.prompt = prompt;
  box.placeholder = placeholder;
  box.value = value;
  let typed = 0;
  /** Whether the text is right; false if the text has changed meanwhile, because the new text is checked separately. */
  const judge = async (): Promise<boolean> => {
    typed += 1;
    const mine = typed;
    const fault = await validate(box.value);
    if (mine === typed) box.validationMessage = fault ?? "";
    return mine === typed && fault === undefined;
  };
  const judging = box.onDidChangeValue(() => void judge());
  return answerOf<string>(box, async (answer) => {
    if (await judge()) answer({ at: "next", value: box.value.trim() });
  }).finally(() => judging.dispose());
}

function common({
  title,
  step,
  totalSteps,
}: Step): Pick<vscode.QuickInput, "title" | "step" | "totalSteps" | "ignoreFocusOut"> & { readonly buttons: vscode.QuickInputButton[] } {
  // ignoreFocusOut: users often copy an address from another window.
  const counter = totalSteps > 1 ? { step, totalSteps } : { step: undefined, totalSteps: undefined };
  return { title, ...counter, ignoreFocusOut: true, buttons: step > 1 ? [vscode.QuickInputButtons.Back] : [] };
}

/** Shows the box until there is an answer. */
function answerOf<T>(
  box: vscode.QuickPick<Choice<T>> | vscode.InputBox,
  accept: (answer: (answer: Answer<T>) => void) => void | Promise<void>,
): Promise<Answer<T>> {
  return new Promise<Answer<T>>((resolve) => {
    box.onDidAccept(() => void accept(resolve));
    box.onDidTriggerButton((button) => {
      if (button === vscode.QuickInputButtons.Back) resolve({ at: "back" });
    });
    box.onDidHide(() => resolve({ at: "cancelled" }));
    box.show();
  }).finally(() => box.dispose());
}

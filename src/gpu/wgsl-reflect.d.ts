/** The part of npm `wgsl_reflect` that is used: the package types its CommonJS file only, Node loads the ESM one. */
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  interface TypeInfo {
    readonly name: string;
    /** Element type of an array, component type of a vector. */
    readonly format?: TypeInfo | null;
    /** Fields of a struct. */
    readonly members?: readonly { readonly name: string; readonly type: TypeInfo; readonly offset: number }[];
  }
  interface VariableInfo {
    readonly name: string;
    readonly group: number;
    readonly binding: number;
    readonly access: string;
    readonly type: TypeInfo;
  }
  export class WgslReflect {
    constructor(code: string);
    readonly storage: readonly VariableInfo[];
    readonly uniforms: readonly VariableInfo[];
    readonly overrides: readonly { readonly name: string }[];
  }
}

// Excerpts of what Mesa 25.0.7 prints, shortened: loads, waits and jumps are all there, of the arithmetic one line in many.
import { type Block, MARK, parseDump } from './shader-dump.ts';

const statistics = (vgprs: number, lds = 0) => `
*** SHADER STATS ***
Driver pipeline hash: 15394543626673382836
SGPRs: 48
VGPRs: ${vgprs}
Spilled SGPRs: 2
Spilled VGPRs: 35
Code size: 3300
LDS size: ${lds}
Scratch size: 8960
Subgroups per SIMD: 5
Instructions: 724
Pre-Sched SGPRs: 13
Pre-Sched VGPRs: 4
********************
`;

/** `attention_fold` on navi31: one loop, whose load is used in the same turn. */
export const FOLD = `
Compute Shader
disasm:
BB0:
	v_lshl_add_u32 v0, s6, 5, v0                                ; d6460000 04010a06
	s_cbranch_execz BB11                                        ; bfa50053
BB1:
	s_load_b128 s[12:15], s[2:3], 0x10                          ; f4080301 f8000010
	s_waitcnt lgkmcnt(0)                                        ; bf89fc07
	s_buffer_load_b32 s9, s[12:15], s9                          ; f4200246 12000000
	s_nop 0                                                     ; bf800000
	(then repeated 9 times)
BB2:
	s_cmp_ge_u32 s13, s9                                        ; bf09090d
	s_cbranch_scc1 BB6                                          ; bfa20034
BB5:
	buffer_load_b32 v4, v4, s[16:19], 0 offen offset:8          ; e0500008 80440404
	s_waitcnt lgkmcnt(0)                                        ; bf89fc07
	v_fma_f32 v2, v2, v1, v7                                    ; d6130002 041e0302
	s_waitcnt vmcnt(0)                                          ; bf8903f7
	v_fma_f32 v3, v3, v1, v4                                    ; d6130003 04120303
	s_branch BB2                                                ; bfa0ffc4
BB6:
	buffer_store_b32 v3, v0, s[12:15], 0 offen                  ; e0680000 80430300
BB11:
	s_endpgm                                                    ; bfb00000
${statistics(12)}`;

/** `attention_split` on navi31: splits, in them tiles, in them the loops over keys and over values. */
export const SPLIT = `
disasm:
BB0:
	s_buffer_load_b64 s[14:15], s[16:19], s7                    ; f4240388 0e000000
BB1:
	buffer_load_b32 v3, v3, s[24:27], 0 offen                   ; e0500000 80460303
BB4:
	s_waitcnt vmcnt(0)                                          ; bf8903f7
BB7:
	buffer_load_b32 v5, v5, s[24:27], 0 offen                   ; e0500000 80460505
BB10:
	s_waitcnt vmcnt(0)                                          ; bf8903f7
BB25:
	s_cbranch_scc1 BB77                                         ; bfa20158
BB29:
	s_cbranch_scc1 BB43                                         ; bfa20117
BB32:
	buffer_load_b32 v23, v23, s[28:31], 0 offen                 ; e0500000 80471717
	s_waitcnt vmcnt(0)                                          ; bf8903f7
BB33:
	s_cbranch_scc1 BB37                                         ; bfa20025
BB36:
	buffer_load_b128 v[24:27], v17, s[32:35], 0 offen           ; e05c0000 80481811
	s_waitcnt vmcnt(0)                                          ; bf8903f7
	v_fma_f32 v16, v9, v27, v16                                 ; d6130010 04423709
	s_branch BB33                                               ; bfa0ffd5
BB38:
	s_cbranch_scc1 BB42                                         ; bfa20025
BB41:
	buffer_load_b128 v[24:27], v24, s[32:35], 0 offen           ; e05c0000 80481818
	s_waitcnt vmcnt(0)                                          ; bf8903f7
	s_branch BB38                                               ; bfa0ffd5
BB42:
	s_branch BB29                                               ; bfa0ff0f
BB43:
	s_cbranch_scc0 BB76                                         ; bfa10059
BB45:
	buffer_store_b32 v14, v15, s[24:27], 0 offen offset:8       ; e0680008 80460e0f
BB76:
	s_branch BB25                                               ; bfa0fea0
BB77:
	s_endpgm                                                    ; bfb00000
${statistics(36)}`;

/** `matmul` of 8 rows and f16 on vega10: three loads are issued before the first is waited for, then the bias is loaded. */
export const MATMUL = `
disasm:
BB1:
	s_cbranch_scc1 BB5                                          ; bf850103
BB4:
	s_load_dwordx4 s[16:19], s[14:15], 0x0                      ; c00a0407 00000000
	buffer_load_dwordx4 v[36:39], v36, s[16:19], 0 offen        ; e05c1000 80042424
	buffer_load_dwordx4 v[44:47], v40, s[20:23], 0 offen        ; e05c1000 80052c28
	buffer_load_dwordx4 v[40:43], v40, s[20:23], 0 offen offset:128 ; e05c1080 80052828
	s_waitcnt vmcnt(2)                                          ; bf8c3f72
	s_waitcnt vmcnt(1)                                          ; bf8c3f71
	v_mac_f32_e32 v4, s16, v48                                  ; 2c086010
	s_waitcnt vmcnt(0) & lgkmcnt(0)                             ; bf8c0070
	s_branch BB1                                                ; bf82fef8
BB6:
	buffer_load_dword v1, v1, s[12:15], 0 offen                 ; e0501000 80030101
BB7:
	s_waitcnt vmcnt(0)                                          ; bf8c3f70
	buffer_store_dword v7, v2, s[12:15], 0 offen                ; e0701000 80030702
BB36:
	buffer_load_dword v2, v2, s[12:15], 0 offen offset:4        ; e0501004 80030202
BB37:
	s_waitcnt vmcnt(0)                                          ; bf8c3f70
${statistics(48)}`;

/** The text of a run in which all of them are compiled, after what the driver says before. */
export const DUMP = `DRM_IOCTL_GET_CAP: unhandled 0x10

${MARK}attention_fold[LANES=32]
${FOLD}
${MARK}attention_split[SPLIT D=64]
${SPLIT}
${MARK}matmul[ROWS=8]
${MATMUL}`;

/** The blocks of one of them. */
export function blocksOf(shader: string): readonly Block[] {
  return parseDump(`\n${MARK}shader\n${shader}`).get('shader')!.blocks;
}

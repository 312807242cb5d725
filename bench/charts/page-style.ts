// Style of a report's page, in both colour schemes.
import { colorProperties } from './palette.ts';

/** Rules of the page. */
export const PAGE_STYLE = `${colorProperties()}
*{box-sizing:border-box}
body{margin:0;background:var(--surface);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI","Liberation Sans",Arial,sans-serif}
main{max-width:900px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:28px;line-height:1.2;margin:8px 0 12px}
h2{font-size:21px;margin:40px 0 8px;padding-top:12px;border-top:1px solid var(--grid)}
h3{font-size:16px;margin:0 0 4px}
p{margin:8px 0;max-width:72ch;overflow-wrap:anywhere}
.lead{font-size:18px}
figure{margin:20px 0 28px}
figure svg{display:block;max-width:100%;min-width:560px;height:auto}
figcaption{color:var(--muted);max-width:80ch;margin-top:4px;font-size:15px}
.wide{overflow-x:auto;margin:12px 0}
table{border-collapse:collapse;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:4px 16px 4px 0;border-bottom:1px solid var(--grid)}
thead th{color:var(--muted);font-weight:normal}
tbody th{font-weight:normal;color:var(--muted);white-space:nowrap}
td{overflow-wrap:anywhere}
td:not(.number){min-width:18ch}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
summary{cursor:pointer;margin:12px 0;color:var(--blue)}
`;

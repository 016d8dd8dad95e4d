/* SPDX-License-Identifier: MIT
 * The page: its head and style, escaped text, embedded pictures. */
#include <errno.h>
#include <png.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "page.h"

void put(page *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(p->file, format, arguments);
    va_end(arguments);
}

int file_error(const char *path)
{
    progress_label(NULL);
    fprintf(stderr, "%s: %s: %s\n", program_name, path, strerror(errno));
    return EXIT_DATA;
}

const char *short_name(const char *path)
{
    const char *end = path + strlen(path);
    while (end > path && end[-1] == '/') /* a folder's own name */
        end--;
    while (end > path && end[-1] != '/')
        end--;
    return *end == '\0' ? path : end;
}

/* ---- text ---- */

/* Bytes of the well-formed UTF-8 sequence at `c` that HTML may hold; 0: none. */
static int utf8_length(const unsigned char *c)
{
    if (c[0] < 0x80)
        return (c[0] >= 0x20 && c[0] != 0x7f) || c[0] == '\t' || c[0] == '\n';
    const int more = c[0] >= 0xc2 && c[0] < 0xe0   ? 1
                     : c[0] >= 0xe0 && c[0] < 0xf0 ? 2
                     : c[0] >= 0xf0 && c[0] < 0xf5 ? 3
                                                   : 0;
    for (int i = 1; i <= more; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] >= 0xa0) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] >= 0x90))
        return 0;
    return more == 0 ? 0 : more + 1;
}

/* Characters that change the reading direction, and so disguise a name. */
static bool is_direction_mark(const unsigned char *c)
{
    return c[0] == 0xe2 && ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||
                            (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
}

void put_text(page *p, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0';) {
        const int length = utf8_length(c);
        if (length == 0 || (length == 3 && is_direction_mark(c)))
            fputs("\xef\xbf\xbd", p->file);
        else if (*c == '&')
            fputs("&amp;", p->file);
        else if (*c == '<')
            fputs("&lt;", p->file);
        else if (*c == '>')
            fputs("&gt;", p->file);
        else if (*c == '"')
            fputs("&quot;", p->file);
        else if (*c == '\'')
            fputs("&#39;", p->file);
        else
            fwrite(c, 1, (size_t)length, p->file);
        c += length == 0 ? 1 : length;
    }
}

void put_count(page *p, int64_t number)
{
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%lld", (long long)number);
    for (int i = 0; i < length; i++) {
        if (i > 0 && digits[i - 1] != '-' && (length - i) % 3 == 0 && length > 4)
            fputs("&#8239;", p->file);
        fputc(digits[i], p->file);
    }
}

/* ---- pictures ---- */

static void put_base64(page *p, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const unsigned a = bytes[i], b = i + 1 < size ? bytes[i + 1] : 0,
                       c = i + 2 < size ? bytes[i + 2] : 0, word = a << 16 | b << 8 | c;
        const char four[4] = {digits[word >> 18], digits[word >> 12 & 63],
                              i + 1 < size ? digits[word >> 6 & 63] : '=',
                              i + 2 < size ? digits[word & 63] : '='};
        fwrite(four, 1, 4, p->file);
    }
}

redux_status put_png(page *p, const redux_tensor *picture)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    const bool grey = picture->ndim == 2;
    image.height = (png_uint_32)picture->shape[0];
    image.width = (png_uint_32)picture->shape[1];
    image.format = grey ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    unsigned char *bytes = malloc(size);
    if (bytes == NULL)
        return no_memory();
    const bool good =
        png_image_write_to_memory(&image, bytes, &size, 0, picture->data, 0, NULL) != 0;
    if (good) {
        fputs("data:image/png;base64,", p->file);
        put_base64(p, bytes, size);
    }
    free(bytes);
    return good ? REDUX_OK : no_memory();
}

/* ---- head and style ---- */

/* Kept is blue, dropped is grey, the threshold is orange: hues that differ with any colour vision,
 * and in grey. Classes have the colours of Okabe and Ito (2008), with yellow darkened on paper. */
static const char style_colours[] =
    ":root{color-scheme:light dark;--page:#fbfaf7;--card:#fff;--ink:#1c2126;--soft:#5b646d;"
    "--line:#dedbd4;--kept:#0b6a9c;--dropped:#b4bac0;--mark:#b84c0e;--wash:#e6f0f6;--c0:#0072b2;"
    "--c1:#e69f00;--c2:#009e73;--c3:#cc79a7;--c4:#d55e00;--c5:#56b4e9;--c6:#a89a00}\n"
    "@media (prefers-color-scheme:dark){:root{--page:#14171a;--card:#1b1f23;--ink:#e9e7e2;"
    "--soft:#a3abb3;--line:#31373d;--kept:#62b7e6;--dropped:#59626b;--mark:#f2a05c;"
    "--wash:#1d2c36;--c0:#3d9be0;--c6:#f0e442}}\n";

static const char style_text[] =
    "*{box-sizing:border-box}"
    "html{-webkit-text-size-adjust:100%}"
    "body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"
    "'Segoe UI',Roboto,'Noto Sans',sans-serif;font-variant-numeric:tabular-nums lining-nums}"
    "header,main,footer,nav ul{max-width:120rem;margin:0 auto;padding:0 clamp(1.1rem,3vw,3.5rem)}"
    "header{padding-top:3.5rem}footer{padding-top:3rem;padding-bottom:4rem;color:var(--soft);font-"
    "size:.875rem}"
    "h1{font-size:clamp(1.5rem,4vw,2.1rem);line-height:1.2;font-weight:650;letter-spacing:-.015em;"
    "margin:0 0 .5rem;text-wrap:balance}"
    "h2{font-size:1.35rem;line-height:1.3;font-weight:650;letter-spacing:-.01em;margin:4rem 0 "
    ".4rem}"
    "h3{font-size:1.05rem;font-weight:650;margin:2.5rem 0 .3rem}"
    "p{max-width:44rem;margin:.4rem 0 1rem}.soft,figcaption,caption,dt{color:var(--soft)}"
    ".name{overflow-wrap:anywhere}"
    "a{color:var(--kept)}:focus-visible{outline:3px solid var(--mark);outline-offset:2px}"
    ".skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--card);"
    "padding:.5rem 1rem;z-index:2}"
    "nav{position:sticky;top:0;background:var(--page);border-bottom:1px solid var(--line);"
    "margin-top:1.5rem;z-index:1}nav ul{display:flex;flex-wrap:wrap;gap:0 1.4rem;list-style:none;"
    "white-space:nowrap;font-size:.9rem}nav a{display:block;padding:.7rem 0;text-decoration:none}"
    "nav a:hover{text-decoration:underline}"
    "[id]{scroll-margin-top:4rem}\n"
    ".lead{font-size:clamp(2.4rem,7vw,3.6rem);line-height:1.05;font-weight:680;"
    "letter-spacing:-.03em;color:var(--kept);margin:1.6rem 0 .2rem}"
    ".lead small{font-size:1.1rem;font-weight:400;letter-spacing:0;color:var(--ink)}"
    ".share{display:flex;height:.7rem;border-radius:.35rem;overflow:hidden;margin:1rem 0 1.6rem;"
    "background:var(--dropped)}.share span{background:var(--kept)}"
    "dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:1.1rem 2rem;"
    "margin:1.5rem 0}dt{font-size:.8rem}dd{margin:0;overflow-wrap:anywhere}"
    "pre,code{font:.85rem/1.5 ui-monospace,'DejaVu Sans Mono',monospace;overflow-wrap:anywhere}"
    "pre{white-space:pre-wrap;background:var(--card);border:1px solid var(--line);"
    "border-radius:.4rem;padding:.7rem .9rem;margin:.6rem 0}"
    ".terms{grid-template-columns:repeat(auto-fill,minmax(min(22rem,100%),1fr))}"
    ".note{border-left:3px solid var(--mark);padding:.2rem 0 .2rem 1rem;max-width:44rem}\n";

static const char style_figures[] =
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(18.5rem,100%),1fr));"
    "gap:1.5rem;margin:1.5rem 0}"
    "figure{margin:0;min-width:0}.plots>figure{background:var(--card);border:1px solid var(--line);"
    "border-radius:.6rem;padding:1.1rem 1.2rem;max-width:42rem}"
    "figure h3,figure h4{font-size:.95rem;font-weight:650;margin:0 0 .6rem}"
    "figcaption{font-size:.85rem;line-height:1.45;margin-top:.5rem}"
    "svg{display:block;width:100%;height:auto;overflow:visible}"
    "svg text{font-size:13.5px;fill:var(--soft);font-family:inherit}svg .axis{stroke:var(--soft)}"
    "svg .grid{stroke:var(--line)}svg .mark{stroke:var(--mark);stroke-width:1.6;"
    "stroke-dasharray:4 3}svg text.mark{stroke:none;fill:var(--mark);font-weight:600}"
    ".bar{fill:var(--dropped)}.in{fill:var(--kept)}"
    ".curve{fill:none;stroke:var(--kept);stroke-width:2;stroke-linejoin:round}"
    ".dot{fill:var(--kept)}.whisker{stroke:var(--kept);stroke-width:1.5}"
    ".null .curve{stroke:var(--soft)}.null .dot{fill:var(--soft)}"
    ".map{background:var(--card);border:1px solid var(--line);border-radius:.4rem}"
    ".map path,.sample path{fill:none;stroke-linecap:round}"
    ".point{stroke:var(--kept);stroke-width:1.9}.cross{stroke:var(--soft);stroke-width:.35}"
    "path.ring{stroke:var(--mark);stroke-width:.5}"
    ".plain{stroke:var(--ink)}.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{"
    "stroke:var(--c3)}"
    ".c4{stroke:var(--c4)}.c5{stroke:var(--c5)}.c6{stroke:var(--c6)}.c7{stroke:var(--dropped)}"
    ".mapped{display:flex;flex-wrap:wrap;gap:.6rem 2rem}.mapped figure{flex:1 1 40rem;"
    "max-width:72rem}.mapped .legend{flex:1 0 11rem}"
    ".legend{list-style:none;display:flex;flex-wrap:wrap;align-content:start;gap:.2rem 1.4rem;"
    "padding:0;margin:.6rem 0;font-size:.875rem}.legend "
    "li{display:flex;align-items:center;gap:.35rem;overflow-wrap:anywhere}"
    ".sample{width:1.3rem;height:1.3rem;flex:none}"
    ".strip{height:1.5rem;border-radius:.2rem}.strip .bar,.strip .in{shape-rendering:crispEdges}"
    ".key{display:inline-block;width:.8em;height:.8em;border-radius:.15em;background:var(--dropped)"
    ";"
    "vertical-align:-.06em;margin:0 .3em 0 .9em}.key.in{background:var(--kept)}\n"
    ".volume{display:grid;grid-template-columns:minmax(0,1fr) 15rem;gap:.6rem 2rem;"
    "border-top:1px solid var(--line);padding:1.4rem 0 2rem}.volume h3{margin:0}"
    ".volume header{grid-column:1/-1;padding:0;max-width:none;margin:0;display:flex;flex-wrap:wrap;"
    "gap:.2rem 1.5rem;align-items:baseline;justify-content:space-between}"
    ".volume .matrix svg{background:var(--card)}.matrix image{image-rendering:pixelated}"
    ".scale{width:100%;height:.5rem;display:block;image-rendering:auto}"
    ".ends{display:flex;justify-content:space-between;font-size:.8rem;color:var(--soft)}"
    ".thumbs{list-style:none;margin:.9rem 0 0;padding:0;display:grid;gap:.65rem .6rem;"
    "grid-template-columns:repeat(auto-fill,minmax(5.1rem,1fr))}"
    ".dense{gap:.3rem;grid-template-columns:repeat(auto-fill,minmax(2.3rem,1fr))}"
    ".thumbs li{font-size:.75rem;line-height:1.3;color:var(--soft)}"
    ".thumbs img,.pair img,.stand img{display:block;width:100%;height:auto;background:#000;"
    "border-radius:.2rem}"
    ".thumbs img,.exemplar .thumbs img{aspect-ratio:1;object-fit:contain}"
    ".thumbs .kept img,.lone.kept img{outline:3px solid var(--kept)}"
    ".thumbs img,.stand>div img{margin-bottom:.3rem}"
    ".thumbs .kept b{color:var(--kept)}.thumbs .gone img{outline:1px dashed var(--dropped)}"
    ".little{grid-template-columns:repeat(auto-fill,minmax(7rem,1fr))}"
    ".rule{position:relative;height:1.25rem;font-size:.8rem;color:var(--soft)}"
    ".rule span{position:absolute}.rule .last{right:0}.rule .mark{color:var(--mark);"
    "font-weight:600;transform:translateX(-50%);background:var(--page);padding:0 .25rem}"
    ".tick{position:absolute;top:-.65rem;height:.8rem;border-left:2px solid var(--mark)}\n";

static const char style_gallery[] =
    ".pairs{display:grid;gap:2rem;grid-template-columns:repeat(auto-fill,minmax(min(28rem,100%),"
    "1fr));margin:1.5rem 0}.pair>div{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));"
    "gap:.6rem}.pair p,.pair span{font-size:.8rem;color:var(--soft);margin:.25rem 0 0;"
    "display:block}.pair b{color:var(--ink)}.pair .in b{color:var(--kept)}"
    ".single{grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:1rem}"
    ".single .pair>div{grid-template-columns:minmax(0,1fr)}"
    ".stands{display:grid;gap:1.6rem 2rem;margin:1.5rem 0;"
    "grid-template-columns:repeat(auto-fill,minmax(min(28rem,100%),1fr))}"
    ".stand{display:grid;grid-template-columns:7rem minmax(0,1fr);gap:.2rem "
    ".9rem;align-content:start}"
    ".stand>figcaption{grid-column:1/-1;margin:0 0 .2rem}.stand .thumbs{margin:0;align-content:"
    "start;grid-template-columns:repeat(auto-fill,minmax(5.5rem,1fr))}"
    ".stand>div img{outline:3px solid var(--kept)}"
    ".none{display:grid;place-items:center;aspect-ratio:1;border:1px dashed var(--line);"
    "border-radius:.2rem;font-size:.75rem;color:var(--soft);text-align:center}"
    ".scroll{overflow-x:auto;margin:1rem 0}.lines table{min-width:38rem}"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "caption{text-align:left;font-size:.85rem;padding-bottom:.4rem}"
    "th,td{padding:.4rem .9rem .4rem 0;text-align:left;border-bottom:1px solid var(--line);"
    "vertical-align:middle}thead th{font-size:.8rem;color:var(--soft);font-weight:500}"
    "th[scope=row]{font-weight:500;overflow-wrap:anywhere;max-width:22rem}"
    ".number{text-align:right;white-space:nowrap}td.wide{width:45%;min-width:11rem}td "
    ".share{margin:.2rem 0;height:.5rem}"
    "summary{cursor:pointer;color:var(--kept);padding:.4rem 0}\n"
    "@media "
    "(max-width:44rem){header{padding-top:2rem}h2{margin-top:3rem}.volume{grid-template-columns:"
    "minmax(0,1fr)}"
    ".matrix{max-width:20rem}.plots>figure{padding:1rem .8rem}.thumbs{grid-template-columns:"
    "repeat(auto-fill,minmax(4.2rem,1fr))}.little{grid-template-columns:repeat(auto-fill,"
    "minmax(6rem,1fr))}}\n"
    "@media print{:root{--page:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--kept:#0b6a9c;"
    "--dropped:#b4bac0;--mark:#b84c0e}body{font-size:10pt}nav,.skip{display:none}header,main,"
    "footer{max-width:none;padding-left:0;padding-right:0}header{padding-top:0}h2{margin-top:2rem;"
    "break-after:avoid}h3,h4,caption,h3+p,h3+p+p.soft{break-after:avoid}p,.little,figure,.volume,."
    "pair,.stand,tr,li{break-"
    "inside:"
    "avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}a{color:inherit;"
    "text-decoration:none}details:not([open]){display:none}details[open]>summary{list-style:none;"
    "color:inherit}}\n"
    "@media print{.plots{grid-template-columns:repeat(3,1fr);gap:.6rem;margin:1rem 0}.plots>figure{"
    "padding:.6rem}.volume{grid-template-columns:minmax(0,1fr) 11rem;padding:.8rem "
    "0}.thumbs,.little{"
    "grid-template-columns:repeat(8,1fr);gap:.4rem}.pairs,.stands{grid-template-columns:1fr 1fr;"
    "gap:1rem 1.4rem}.stand "
    ".thumbs{grid-template-columns:repeat(5,1fr)}.stand{grid-template-columns:"
    "5rem minmax(0,1fr)}h3{margin-top:1.4rem}.lead{margin-top:.8rem}dl{margin:1rem 0}}\n"
    "@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}\n";

void page_begin(page *p, const char *title)
{
    put(p,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"generator\" content=\"%s %s\">\n"
        "<link rel=\"icon\" href=\"data:,\">\n<title>",
        program_name, redux_version_string());
    put_text(p, title);
    put(p, "</title>\n<style>\n%s%s", style_colours, style_text);
    put(p, "%s%s", style_figures, style_gallery);
    put(p, "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the report</a>\n");
}

void page_end(page *p)
{
    put(p, "</body>\n</html>\n");
}

/* The encoding of a text: the shares of snippets that are read right, texts in other languages,
 * damaged and mixed files, and what is asked for. The snippets are of the sample lyrics, and of
 * their traditional form. */
#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "corpus/encoding.h"
#include "corpus/unihan.h"
#include "lyrnn/philox.h"

#define BYTES(literal)                                                                             \
    (lyrnn_bytes)                                                                                  \
    {                                                                                              \
        (char *)(literal), sizeof(literal) - 1                                                     \
    }

extern const unsigned char lyrnn_sample_lyrics[];
extern const size_t lyrnn_sample_lyrics_size;

typedef struct {
    uint32_t *chars;
    size_t N;
} text;

/* The caller frees the result, whose data is NULL if iconv cannot convert the bytes. */
static lyrnn_bytes convert(const void *bytes, size_t num_bytes, const char *from, const char *to)
{
    iconv_t converter = iconv_open(to, from);
    size_t left = num_bytes, size = 4 * num_bytes + 16, free_bytes = size;
    char *source = (char *)bytes, *converted = malloc(size + 1), *end = converted;
    assert_true(converter != (iconv_t)-1 && converted != NULL);
    size_t result = iconv(converter, &source, &left, &end, &free_bytes);
    iconv_close(converter);
    if (result == (size_t)-1) {
        free(converted);
        return (lyrnn_bytes){0};
    }
    *end = '\0';
    return (lyrnn_bytes){converted, size - free_bytes};
}

static lyrnn_bytes in_encoding(const char *utf8, const char *encoding)
{
    lyrnn_bytes bytes = convert(utf8, strlen(utf8), "UTF-8", encoding);
    assert_non_null(bytes.data);
    return bytes;
}

static bool big5_has(uint32_t c)
{
    lyrnn_bytes bytes = convert(&c, sizeof c, "UTF-32LE", "BIG5");
    free(bytes.data);
    return bytes.data != NULL;
}

/* The form of c that Big5 has, or c. */
static uint32_t traditional_form(uint32_t c)
{
    if (big5_has(c))
        return c;
    for (size_t i = 0; i < lyrnn_unihan_num_variants; i++)
        if (lyrnn_unihan_variants[i].c == c && big5_has(lyrnn_unihan_variants[i].value))
            return lyrnn_unihan_variants[i].value;
    return c;
}

static text lyrics, traditional_lyrics;

static int make_lyrics(void **state)
{
    (void)state;
    lyrnn_bytes chars = convert(lyrnn_sample_lyrics, lyrnn_sample_lyrics_size, "UTF-8", "UTF-32LE");
    lyrics = (text){(uint32_t *)chars.data, chars.num / sizeof(uint32_t)};
    traditional_lyrics = (text){malloc(chars.num), lyrics.N};
    static uint32_t forms[0x10000];
    if (traditional_lyrics.chars == NULL)
        return -1;
    for (size_t i = 0; i < lyrics.N; i++) {
        uint32_t c = lyrics.chars[i];
        if (forms[c] == 0)
            forms[c] = traditional_form(c);
        traditional_lyrics.chars[i] = forms[c];
    }
    return 0;
}

static int free_lyrics(void **state)
{
    (void)state;
    free(lyrics.chars);
    free(traditional_lyrics.chars);
    return 0;
}

static void require_unihan(void)
{
    if (lyrnn_unihan_num_common == 0)
        skip();
}

typedef struct {
    size_t num, num_right, num_wrong;
} shares;

static bool same_bytes(const lyrnn_bytes *a, const lyrnn_bytes *b)
{
    return a->num == b->num && memcmp(a->data, b->data, a->num) == 0;
}

/* Reads the bytes, which are followed by none, so that a sanitizer sees a read past the end. */
static lyrnn_status read_bytes(const lyrnn_bytes *bytes, lyrnn_encoding asked, lyrnn_bytes *utf8,
                               text_encoding *found)
{
    lyrnn_bytes exact = {malloc(bytes->num + 1), bytes->num};
    assert_non_null(exact.data);
    memcpy(exact.data, bytes->data, bytes->num);
    exact.data[bytes->num] = '\0';
    lyrnn_status status = text_to_utf8("song.txt", &exact, asked, utf8, found);
    if (status == LYRNN_OK && utf8->data == NULL)
        *utf8 = exact;
    else
        free(exact.data);
    return status;
}

/* Reads num snippets of `length` characters. Those that the encoding lacks are left out. */
static shares read_snippets(const text *source, const char *encoding, size_t length, size_t num)
{
    shares result = {0};
    for (size_t i = 0; i < num; i++) {
        size_t first = lyrnn_philox_bits(1, length, i) % (source->N - length);
        const uint32_t *chars = source->chars + first;
        lyrnn_bytes bytes = convert(chars, length * sizeof *chars, "UTF-32LE", encoding), utf8;
        lyrnn_bytes wanted = convert(chars, length * sizeof *chars, "UTF-32LE", "UTF-8");
        text_encoding found;
        bool is_read = bytes.data != NULL &&
                       read_bytes(&bytes, LYRNN_ENCODING_AUTO, &utf8, &found) == LYRNN_OK;
        bool is_right = is_read && same_bytes(&utf8, &wanted);
        result.num += bytes.data != NULL;
        result.num_right += is_right;
        /* A few characters of UTF-16 may all be ASCII bytes: such a text is UTF-8. */
        result.num_wrong += is_read && !is_right && found.is_guess;
        if (is_read)
            free(utf8.data);
        free(bytes.data);
        free(wanted.data);
    }
    return result;
}

/* The table of README.md, with fewer snippets. */
static void snippets_are_read_right(void **state)
{
    (void)state;
    require_unihan();
    static const struct {
        const text *text;
        const char *encoding;
        double share_of_8;
    } cases[] = {{&lyrics, "GB18030", 0.95},
                 {&traditional_lyrics, "BIG5", 0.97},
                 {&traditional_lyrics, "GB18030", 0.97},
                 {&lyrics, "UTF-16LE", 0.97},
                 {&traditional_lyrics, "UTF-16BE", 0.97}};
    static const size_t lengths[] = {8, 20, 60};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            shares got = read_snippets(cases[i].text, cases[i].encoding, lengths[j], 300);
            double share = (double)got.num_right / (double)got.num;
            printf("%s, %zu characters: %.3f of %zu read right, %zu wrong\n", cases[i].encoding,
                   lengths[j], share, got.num, got.num_wrong);
            assert_true(got.num >= 200);
            assert_true(share >= (lengths[j] < 20 ? cases[i].share_of_8 : 0.99));
            assert_int_equal(got.num_wrong, 0);
        }
}

static void assert_reads(const char *utf8, const char *encoding, lyrnn_encoding asked,
                         const char *name)
{
    lyrnn_bytes bytes = in_encoding(utf8, encoding), read;
    text_encoding found;
    assert_int_equal(read_bytes(&bytes, asked, &read, &found), LYRNN_OK);
    assert_string_equal(text_charset_name(found.charset), name);
    assert_int_equal(read.num, strlen(utf8));
    assert_memory_equal(read.data, utf8, read.num);
    free(read.data);
    free(bytes.data);
}

/* LYRNN_ERR_CORPUS, and the error text begins and ends so. */
static void assert_refused(const lyrnn_bytes *bytes, lyrnn_encoding asked, const char *begin,
                           const char *end)
{
    lyrnn_bytes utf8;
    text_encoding found;
    assert_int_equal(read_bytes(bytes, asked, &utf8, &found), LYRNN_ERR_CORPUS);
    assert_null(utf8.data);
    const char *error = lyrnn_error_text();
    bool is_so = strncmp(error, begin, strlen(begin)) == 0 && strlen(error) >= strlen(end) &&
                 strcmp(error + strlen(error) - strlen(end), end) == 0;
    if (!is_so)
        fail_msg("%s\nmust begin with: %s\nand end with: %s", error, begin, end);
}

#define SONG             "明月几时有，把酒问青天。\n不知天上宫阙，今夕是何年。\n"
#define TRADITIONAL_SONG "明月幾時有，把酒問青天。\n不知天上宮闕，今夕是何年。\n"

static void the_whole_lyrics_are_read_in_each_encoding(void **state)
{
    (void)state;
    const char *whole = (const char *)lyrnn_sample_lyrics;
    static const struct {
        const char *encoding, *name;
        lyrnn_encoding asked;
        bool is_guess;
    } cases[] = {{"UTF-8", "UTF-8", LYRNN_ENCODING_AUTO, false},
                 {"UTF-8", "UTF-8", LYRNN_ENCODING_UTF8, false},
                 {"GB18030", "GB18030", LYRNN_ENCODING_AUTO, true},
                 {"GBK", "GB18030", LYRNN_ENCODING_AUTO, true},
                 {"GB18030", "GB18030", LYRNN_ENCODING_GB18030, false},
                 {"UTF-16LE", "UTF-16LE", LYRNN_ENCODING_AUTO, true},
                 {"UTF-16LE", "UTF-16LE", LYRNN_ENCODING_UTF16, false},
                 {"UTF-16BE", "UTF-16BE", LYRNN_ENCODING_AUTO, true},
                 {"UTF-16BE", "UTF-16BE", LYRNN_ENCODING_UTF16, false}};
    char *copy = strndup(whole, lyrnn_sample_lyrics_size);
    assert_non_null(copy);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!cases[i].is_guess || lyrnn_unihan_num_common > 0)
            assert_reads(copy, cases[i].encoding, cases[i].asked, cases[i].name);
    free(copy);
}

/* A mark stays in the text, as it does in UTF-8. */
static void a_byte_order_mark_decides(void **state)
{
    (void)state;
    static const struct {
        const char *encoding, *name;
    } cases[] = {{"UTF-8", "UTF-8"},       {"UTF-16LE", "UTF-16LE"}, {"UTF-16BE", "UTF-16BE"},
                 {"UTF-32LE", "UTF-32LE"}, {"UTF-32BE", "UTF-32BE"}, {"GB18030", "GB18030"}};
    static const char *const texts[] = {"\uFEFF한국 노래\n", "\uFEFFa", "\uFEFFun café\n",
                                        "\uFEFF"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t j = 0; j < sizeof texts / sizeof *texts; j++)
            assert_reads(texts[j], cases[i].encoding, LYRNN_ENCODING_AUTO, cases[i].name);
    assert_reads("\uFEFF" SONG, "UTF-16BE", LYRNN_ENCODING_UTF16, "UTF-16BE");

    lyrnn_bytes marked = in_encoding("\uFEFFab", "UTF-16LE");
    marked.num--;
    assert_refused(&marked, LYRNN_ENCODING_AUTO, "song.txt: byte 4 is not UTF-16LE; ",
                   "use --encoding auto");
    assert_refused(&BYTES("\xEF\xBB\xBF\xB7\xD6"), LYRNN_ENCODING_GB18030,
                   "song.txt: begins with the byte order mark of UTF-8; ", "--encoding auto");
    lyrnn_bytes gb = in_encoding("xxx" SONG, "GB18030");
    memcpy(gb.data, "\xEF\xBB\xBF", 3);
    if (lyrnn_unihan_num_common > 0)
        assert_refused(
            &gb, LYRNN_ENCODING_AUTO,
            "song.txt: begins with the byte order mark of UTF-8, but byte 3 is not UTF-8; ",
            "or correct the text");
    free(gb.data);
    lyrnn_bytes appended = in_encoding("\uFEFFab\n", "UTF-16LE");
    appended.data = realloc(appended.data, appended.num + sizeof SONG);
    assert_non_null(appended.data);
    memcpy(appended.data + appended.num, SONG, sizeof SONG);
    appended.num += sizeof SONG - 1;
    assert_refused(&appended, LYRNN_ENCODING_AUTO,
                   "song.txt: is UTF-16LE before byte 8 and UTF-8 from there; ",
                   "convert it to one encoding");
    free(appended.data);
    assert_refused(&marked, LYRNN_ENCODING_UTF8,
                   "song.txt: begins with the byte order mark of UTF-16LE; ", "--encoding auto");
    free(marked.data);
}

/* What Windows writes in Taiwan, and the characters of Hong Kong, in one text. */
static void big5_has_the_characters_of_taiwan_and_of_hong_kong(void **state)
{
    (void)state;
    require_unihan();
    lyrnn_bytes begin = in_encoding(TRADITIONAL_SONG "詞／曲～我們‧你＼", "BIG5");
    lyrnn_bytes end = in_encoding("佢哋喺呢度嘅\n", "BIG5-HKSCS"), utf8;
    lyrnn_bytes both = {malloc(begin.num + end.num + 3), begin.num + end.num + 2};
    assert_non_null(both.data);
    memcpy(both.data, begin.data, begin.num);
    memcpy(both.data + begin.num, end.data, end.num);
    memcpy(both.data + begin.num + end.num, "\x88\x62", 3);
    text_encoding found;
    assert_int_equal(text_to_utf8("song.txt", &both, LYRNN_ENCODING_AUTO, &utf8, &found), LYRNN_OK);
    assert_string_equal(text_charset_name(found.charset), "Big5");
    assert_string_equal(utf8.data, TRADITIONAL_SONG "詞／曲～我們‧你＼佢哋喺呢度嘅\n\u00CA\u0304");
    free(utf8.data);
    free(both.data);
    free(begin.data);
    free(end.data);
}

static void a_guess_has_its_score_and_the_next(void **state)
{
    (void)state;
    require_unihan();
    lyrnn_bytes bytes = in_encoding(TRADITIONAL_SONG, "BIG5"), utf8;
    text_encoding found;
    assert_int_equal(read_bytes(&bytes, LYRNN_ENCODING_AUTO, &utf8, &found), LYRNN_OK);
    assert_true(found.is_guess && found.score > 2.5 && found.score <= 3);
    assert_string_equal(found.next_name, "GB18030");
    assert_true(found.next_score < 0);
    char label[TEXT_ENCODING_LABEL_SIZE];
    static const char expected[] = "score 2.9, next: GB18030 -";
    text_encoding_label(&found, label);
    assert_memory_equal(label, expected, strlen(expected));
    free(utf8.data);
    free(bytes.data);
}

static void two_near_readings_are_both_named(void **state)
{
    (void)state;
    require_unihan();
    /* Common characters in Big5 as well. */
    lyrnn_bytes bytes = in_encoding("la la la\n我们的 的\n", "GB18030");
    assert_refused(&bytes, LYRNN_ENCODING_AUTO,
                   "song.txt: may be GB18030 (我们的 的...) or Big5 (扂蠅腔 腔...); ",
                   "say which with --encoding gb18030 or --encoding big5");
    free(bytes.data);
    /* Both a common word and Hangul. */
    bytes = in_encoding("哭了", "GB18030");
    assert_refused(&bytes, LYRNN_ENCODING_AUTO,
                   "song.txt: may be GB18030 (哭了...) or CP949 (왼죄...); say the first with "
                   "--encoding gb18030, or convert the second: ",
                   "iconv -f CP949 -t UTF-8");
    free(bytes.data);
    /* Rare characters are no text. */
    bytes = in_encoding("la la 丂丄丅丆丒\nla", "GB18030");
    assert_refused(
        &bytes, LYRNN_ENCODING_AUTO,
        "song.txt: byte 6 is not UTF-8, and as GB18030 it is hardly a text (la la 丂丄..., ",
        "iconv -f ENCODING -t UTF-8");
    free(bytes.data);
}

/* Korean and Japanese bytes are common Chinese characters too. */
static void texts_of_other_languages_are_not_guessed(void **state)
{
    (void)state;
    require_unihan();
    static const struct {
        const char *encoding, *text, *named;
    } cases[] = {
        {"EUC-KR", "아리랑 아리랑 아라리요\n아리랑 고개로 넘어간다\n나를 버리고 가시는 님은\n",
         "CP949"},
        {"CP949", "아침 이슬처럼 뿅 하고\n노래를 부르자\n우리 함께 걸어가요\n", "CP949"},
        {"EUC-JP", "さくらさくら野山も里も\n見渡す限り霞か雲か\n朝日に匂う\n", "EUC-JP"},
        {"SHIFT_JIS", "さくらさくら野山も里も\n見渡す限り霞か雲か\n朝日に匂う\n", "CP932"},
        {"SHIFT_JIS", "カラオケデ ウタヲ ウタウ\n", "CP932"},
        {"WINDOWS-1252", "Au clair de la lune, mon ami Pierrot,\nprête-moi ta plume pour écrire\n",
         "WINDOWS-1252"},
        {"WINDOWS-1252", "I don\u2019t know why, and you\u2019re gone\n", "WINDOWS-1252"},
        {"WINDOWS-1252", "die Gedanken sind frei, wer kann sie erraten, früher und später\n",
         "WINDOWS-1252"},
        {"WINDOWS-1251", "во поле берёза стояла, во поле кудрявая стояла\n", "WINDOWS-1251"},
        {"KOI8-R", "во поле береза стояла, во поле кудрявая стояла\n", "KOI8-R"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lyrnn_bytes bytes = in_encoding(cases[i].text, cases[i].encoding);
        char command[80];
        snprintf(command, sizeof command, ": iconv -f %s -t UTF-8", cases[i].named);
        assert_refused(&bytes, LYRNN_ENCODING_AUTO, "song.txt: ", command);
        free(bytes.data);
    }
}

/* Every cut of a UTF-8 text, and every byte of it that is replaced: it is never read as Chinese in
 * another encoding. */
static void damaged_utf8_stays_an_error(void **state)
{
    (void)state;
    char song[] = SONG "un café\n";
    size_t length = sizeof song - 1;
    for (size_t i = 1; i < length; i++) {
        lyrnn_bytes cut = {song, i}, utf8;
        bool is_whole = (song[i] & 0xC0) != 0x80;
        text_encoding found;
        lyrnn_status status = read_bytes(&cut, LYRNN_ENCODING_AUTO, &utf8, &found);
        assert_int_equal(status, is_whole ? LYRNN_OK : LYRNN_ERR_CORPUS);
        free(utf8.data);
    }
    for (size_t i = 0; i < length; i++) {
        char kept = song[i];
        song[i] = '\xB5';
        lyrnn_bytes utf8;
        text_encoding found;
        lyrnn_status status =
            read_bytes(&(lyrnn_bytes){song, length}, LYRNN_ENCODING_AUTO, &utf8, &found);
        if (status == LYRNN_OK)
            assert_string_equal(text_charset_name(found.charset), "UTF-8");
        song[i] = kept;
        free(utf8.data);
    }
    char begin[80];
    snprintf(begin, sizeof begin, "song.txt: byte %zu is not UTF-8, while the text around it is; ",
             sizeof SONG - 1);
    assert_refused(&BYTES(SONG "\xFF" SONG), LYRNN_ENCODING_AUTO, begin, "correct line 3 there");
    assert_refused(&BYTES("分开\n不\xFF分开\n"), LYRNN_ENCODING_AUTO,
                   "song.txt: byte 10 is not UTF-8, while the text around it is; ",
                   "correct line 2 there");
    assert_refused(&BYTES("分开不\xFF\xFF\xFF\xFF\xFF\xFF"), LYRNN_ENCODING_AUTO,
                   "song.txt: byte 9 is not UTF-8, while the text before it is; ",
                   "split the file there");
}

/* Joins two texts in two encodings, and expects the place. */
static void assert_mixed(const char *first, const char *first_encoding, const char *second,
                         const char *second_encoding)
{
    lyrnn_bytes a = in_encoding(first, first_encoding), b = in_encoding(second, second_encoding);
    lyrnn_bytes both = {malloc(a.num + b.num + 1), a.num + b.num};
    assert_non_null(both.data);
    memcpy(both.data, a.data, a.num);
    memcpy(both.data + a.num, b.data, b.num);
    size_t line = 1;
    for (size_t i = 0; i < a.num; i++)
        line += a.data[i] == '\n';
    const char *names[2] = {first_encoding, second_encoding};
    for (size_t i = 0; i < 2; i++)
        names[i] = strcmp(names[i], "BIG5") == 0 ? "Big5" : names[i];
    char begin[120];
    snprintf(begin, sizeof begin, "song.txt: is %s before byte %zu (line %zu) and %s from there",
             names[0], a.num, line, names[1]);
    assert_refused(&both, LYRNN_ENCODING_AUTO, begin, "convert it to one encoding");
    free(both.data);
    free(a.data);
    free(b.data);
}

static void mixed_encodings_are_found_where_they_change(void **state)
{
    (void)state;
    require_unihan();
    assert_mixed(SONG, "UTF-8", SONG, "GB18030");
    assert_mixed(SONG, "GB18030", SONG, "UTF-8");
    assert_mixed(SONG, "GB18030", TRADITIONAL_SONG, "BIG5");
    assert_mixed(TRADITIONAL_SONG, "BIG5", SONG, "GB18030");
    assert_mixed(TRADITIONAL_SONG, "UTF-8", TRADITIONAL_SONG, "BIG5");
    assert_mixed("la la la\r\n" SONG "\r\nla\r\n", "UTF-8", SONG "la\r\n" SONG, "GB18030");
    assert_mixed("我爱你中国\n我爱你中国\n我爱你中国\n", "GB18030",
                 "我愛你台灣\n我愛你台灣\n我愛你台灣\n", "BIG5");
    assert_mixed("la la\n我爱你\n", "UTF-8", "不分开 不分开\n", "GB18030");
    assert_mixed("不分开 不分开\n", "GB18030", "我们的歌\n", "UTF-8");
    assert_mixed(SONG SONG "分开 ", "UTF-8", SONG, "GB18030");
    /* One song of many. */
    char *whole = strndup((const char *)lyrnn_sample_lyrics, lyrnn_sample_lyrics_size);
    assert_non_null(whole);
    assert_mixed(whole, "GB18030", TRADITIONAL_SONG, "BIG5");
    assert_mixed(TRADITIONAL_SONG, "BIG5", whole, "GB18030");
    free(whole);
}

/* Songs in two languages: kana of GB18030 are common characters in Big5. */
static void japanese_lines_among_chinese_ones_are_read(void **state)
{
    (void)state;
    require_unihan();
    const char *both = SONG "さくらさくら野山も里も\n見渡す限り霞か雲か\n" SONG
                            "ありがとう、さようなら\nいつまでもあなたのそばに\n" SONG;
    assert_reads(both, "GB18030", LYRNN_ENCODING_AUTO, "GB18030");
    const char *line_by_line = "不知天上宫阙\nそらのうえのみやこ\n今夕是何年\nこよいはなんねん\n"
                               "高处不胜寒\nたかいところはさむい\n";
    assert_reads(line_by_line, "GB18030", LYRNN_ENCODING_AUTO, "GB18030");
}

static void what_is_asked_for_must_fit(void **state)
{
    (void)state;
    lyrnn_bytes gb = in_encoding(SONG, "GB18030");
    assert_refused(&gb, LYRNN_ENCODING_UTF8, "song.txt: byte 0 is not UTF-8; ",
                   "correct line 1, or use --encoding auto");
    gb.data[gb.num - 1] = '\xFF';
    assert_refused(&gb, LYRNN_ENCODING_GB18030, "song.txt: byte 51 is not GB18030; ",
                   "correct line 2, or use --encoding auto");
    free(gb.data);
    assert_refused(&BYTES("ab\n\xB7"), LYRNN_ENCODING_BIG5, "song.txt: byte 3 is not Big5; ",
                   "correct line 2, or use --encoding auto");
    assert_refused(&BYTES("abc"), LYRNN_ENCODING_UTF16, "song.txt: byte 2 is not UTF-16", "auto");
    assert_refused(&BYTES("a\0b"), LYRNN_ENCODING_GB18030, "song.txt: byte 1 is NUL, ", "auto");
    assert_refused(&BYTES("a\0\0\0"), LYRNN_ENCODING_UTF16, "song.txt: byte 2 is NUL, ", "auto");
    assert_refused(&BYTES("%PDF-1.7\n\xE2"), LYRNN_ENCODING_GB18030, "song.txt: is a PDF document",
                   "name a text file");
    /* Asked for, a text need not look like one. */
    assert_reads("\u4E02", "GB18030", LYRNN_ENCODING_GB18030, "GB18030");
    assert_reads("今日は世界、カラオケ\n", "UTF-16LE", LYRNN_ENCODING_UTF16, "UTF-16LE");
    assert_reads("la la, que será\n", "UTF-16BE", LYRNN_ENCODING_UTF16, "UTF-16BE");
    assert_reads("", "GB18030", LYRNN_ENCODING_GB18030, "GB18030");
    assert_reads("", "UTF-8", LYRNN_ENCODING_AUTO, "UTF-8");
}

static void utf16_of_ascii_is_read(void **state)
{
    (void)state;
    require_unihan();
    assert_reads("la la la\r\nlove\r\n", "UTF-16LE", LYRNN_ENCODING_AUTO, "UTF-16LE");
    assert_reads("Un café noir, là-bas\n", "UTF-16BE", LYRNN_ENCODING_AUTO, "UTF-16BE");
    assert_refused(&BYTES("ab\0cd"), LYRNN_ENCODING_AUTO, "song.txt: byte 2 is NUL, ",
                   "name a text file");
    assert_refused(&BYTES("分开\0分开"), LYRNN_ENCODING_AUTO, "song.txt: byte 6 is ", "");
}

static void names_of_archives_become_utf8(void **state)
{
    (void)state;
    require_unihan();
    static const struct {
        const char *name, *encoding;
    } cases[] = {{"周杰伦/晴天.txt", "GB18030"},
                 {"歌.txt", "GB18030"},
                 {"周杰倫/夜曲.lrc", "UTF-8"},
                 {"周杰倫/聽媽媽的話.lrc", "BIG5"}};
    char *utf8;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lyrnn_bytes bytes = in_encoding(cases[i].name, cases[i].encoding);
        assert_int_equal(text_name_to_utf8(bytes.data, &utf8), LYRNN_OK);
        assert_string_equal(utf8, cases[i].name);
        free(utf8);
        free(bytes.data);
    }
    assert_int_equal(text_name_to_utf8("a\xFF\x1B[2J", &utf8), LYRNN_OK);
    assert_string_equal(utf8, "a??[2J");
    free(utf8);
}

/* Without Unihan, the encodings that fit are named. */
static void without_unihan_nothing_is_guessed(void **state)
{
    (void)state;
    if (lyrnn_unihan_num_common > 0)
        skip();
    lyrnn_bytes bytes = in_encoding(SONG, "GB18030");
    assert_refused(&bytes, LYRNN_ENCODING_AUTO, "song.txt: is not UTF-8, but may be GB18030",
                   "say which with --encoding gb18030, big5 or utf-16");
    free(bytes.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snippets_are_read_right),
        cmocka_unit_test(the_whole_lyrics_are_read_in_each_encoding),
        cmocka_unit_test(a_byte_order_mark_decides),
        cmocka_unit_test(big5_has_the_characters_of_taiwan_and_of_hong_kong),
        cmocka_unit_test(a_guess_has_its_score_and_the_next),
        cmocka_unit_test(two_near_readings_are_both_named),
        cmocka_unit_test(texts_of_other_languages_are_not_guessed),
        cmocka_unit_test(damaged_utf8_stays_an_error),
        cmocka_unit_test(mixed_encodings_are_found_where_they_change),
        cmocka_unit_test(japanese_lines_among_chinese_ones_are_read),
        cmocka_unit_test(what_is_asked_for_must_fit),
        cmocka_unit_test(utf16_of_ascii_is_read),
        cmocka_unit_test(names_of_archives_become_utf8),
        cmocka_unit_test(without_unihan_nothing_is_guessed),
    };
    return cmocka_run_group_tests(tests, make_lyrics, free_lyrics);
}

/* LRC as editors write it and players read it: every form of a tag, and what is not sung. */
#include "songs_check.h"

#include <stdio.h>

#include "corpus/lrc.h"

static lrc_counts counts; /* of the last text that was read */

static lyrnn_status read_text(const char *text, size_t num_bytes, kept_songs *songs)
{
    char *copy = copy_exactly(text, num_bytes);
    *songs = (kept_songs){0};
    counts = (lrc_counts){0};
    const song_sink sink = {.song = keep_song, .context = songs};
    lyrnn_status status = lrc_read("song.lrc", copy, num_bytes, &sink, &counts);
    free(copy);
    return status;
}

static void assert_songs(const char *text, const char *expected)
{
    kept_songs songs;
    assert_int_equal(read_text(text, strlen(text), &songs), LYRNN_OK);
    assert_string_equal(songs.text, expected);
    assert_int_equal(counts.num_songs, songs.num_songs);
}

/* The text of the only song. */
static void assert_lyrics(const char *text, const char *expected)
{
    char song[4096];
    snprintf(song, sizeof song, "{%s}", expected);
    assert_songs(text, song);
}

static void a_time_has_a_fraction_of_two_digits(void **state)
{
    (void)state;
    assert_lyrics("[00:01.20]a\n[00:01.10]b\n", "b\na\n");
}

static void a_time_has_a_fraction_of_three_digits(void **state)
{
    (void)state;
    assert_lyrics("[00:01.20]a\n[00:01.199]b\n[00:01.201]c\n", "b\na\nc\n");
}

static void a_fraction_of_one_digit_is_tenths(void **state)
{
    (void)state;
    assert_lyrics("[00:01.2]a\n[00:01.15]b\n[00:01.25]c\n", "b\na\nc\n");
}

static void a_fraction_follows_a_colon(void **state)
{
    (void)state;
    assert_lyrics("[00:02:20]a\n[00:02:10]b\n[00:02.15]c\n", "b\nc\na\n");
}

static void a_fraction_follows_a_comma(void **state)
{
    (void)state;
    assert_lyrics("[00:01,20]a\n[00:01,10]b\n", "b\na\n");
}

static void a_time_has_no_fraction(void **state)
{
    (void)state;
    assert_lyrics("[00:02]a\n[00:01]b\n[00:01.5]c\n", "b\nc\na\n");
}

static void minutes_exceed_99(void **state)
{
    (void)state;
    assert_lyrics("[100:00.00]b\n[99:59.99]a\n[1234:00.00]c\n", "a\nb\nc\n");
}

static void a_time_has_hours(void **state)
{
    (void)state;
    assert_lyrics("[01:00:01.00]b\n[59:00.00]a\n[61:00.00]c\n", "a\nb\nc\n");
}

/* deepin-music issue 790, sptlrx issue 92. */
static void several_times_repeat_a_line_as_it_is_sung(void **state)
{
    (void)state;
    assert_lyrics("[00:10.00][00:50.00]chorus\n[00:20.00]verse 1\n[00:60.00]verse 2\n",
                  "chorus\nverse 1\nchorus\nverse 2\n");
    assert_lyrics("[00:10.00] [00:20.00]\t[00:15.00] a\n[00:17.00]b\n", "a\na\nb\na\n");
}

static void lines_are_sorted_by_time(void **state)
{
    (void)state;
    assert_lyrics("[00:30.00]c\n[00:10.00]a\n[00:20.00]b\n", "a\nb\nc\n");
}

static void header_tags_are_dropped(void **state)
{
    (void)state;
    assert_songs("[ti:Title]\n[ar:Artist]\n[al:Album]\n[au:Author]\n[by:Maker]\n[re:Editor]\n"
                 "[ve:1.0]\n[offset:+500]\n[length:03:45]\n[00:01.00]a\n",
                 "Title{a\n}");
    assert_int_equal(counts.num_headers, 9);
}

static void other_header_tags_are_dropped(void **state)
{
    (void)state;
    assert_songs(
        "[id:$00000000]\n[hash:d4a9]\n[TI: A Title ]\n[la:zh]\n[#:a comment]\n[t_time:(03:45)]\n"
        "[tool:歌词编辑器]\n[作词:方文山]\n[歌手：周杰伦]\n[00:01.00]a\n[by:Maker]\n",
        "A Title{a\n}");
}

static void a_title_has_brackets(void **state)
{
    (void)state;
    assert_songs("[ti:晴天 [Live]]\n[00:01.00]a\n", "晴天 [Live]{a\n}");
}

static void an_empty_title_is_none(void **state)
{
    (void)state;
    assert_songs("[ti:]\n[00:01.00]a\n", "{a\n}");
    assert_songs("[ti: ]\n[ti:b]\n[00:01.00]a\n", "b{a\n}");
}

static void another_title_begins_another_song(void **state)
{
    (void)state;
    assert_songs(
        "[ti:A]\n[00:02.00]b\n[00:01.00]a\n[00:03.00]e\n[ti:B]\n[ar:x]\nd\n[00:01.00]c\n\n[ti:C]\n",
        "A{a\nb\ne\n}B{d\nc\n}");
    assert_songs("[ti:A]\n[00:01.00]a\n[ti:A]\n[00:01.00]b\n", "A{a\n}");
    assert_songs("[00:02.00]b\n[ti:A]\n[00:01.00]a\n", "A{a\nb\n}");
    assert_songs("[ti:A]\n[ti:B]\n[00:01.00]a\n", "A{a\n}");
}

static void headers_share_a_line(void **state)
{
    (void)state;
    assert_songs("[ti:A][ar:B]\n[00:00.00][by:C]\n[al:D][00:01.00]a\n", "A{a\n}");
}

/* foo_openlyrics issue 469. */
static void word_times_are_dropped(void **state)
{
    (void)state;
    assert_lyrics("[00:12.00]<00:12.04>故<00:12.16>事<00:12.82>的\n", "故事的\n");
    assert_int_equal(counts.num_word_times, 3);
    assert_lyrics("[00:12.00] <00:12.04> When <00:12.16> the <00:12.82>\n", "When the\n");
}

/* whisper.cpp issue 3619. */
static void word_times_in_square_brackets_are_dropped(void **state)
{
    (void)state;
    assert_lyrics("[00:00.50]私[00:00.80]は[00:01.00]\n[00:00.10]<00:00.10>あ\n", "あ\n私は\n");
    assert_int_equal(counts.num_word_times, 3);
}

/* web_lyric_editor issue 2, Gramophone issue 838. */
static void a_translation_at_the_same_time_is_dropped(void **state)
{
    (void)state;
    assert_lyrics("[00:10.00]Hello\n[00:10.00]你好\n[00:20.00]World\n[00:20.00]世界\n",
                  "Hello\nWorld\n");
    assert_int_equal(counts.num_translations, 2);
    assert_lyrics("[00:10.00]Hello\n[00:20.00]World\n[00:10.000]你好\n[00:20.000]世界\n",
                  "Hello\nWorld\n");
}

static void a_third_line_at_the_same_time_is_dropped(void **state)
{
    (void)state;
    assert_lyrics("[00:10.00]君の名は\n[00:10.00]kimi no na wa\n[00:10.00]你的名字\n",
                  "君の名は\n");
    assert_int_equal(counts.num_translations, 2);
}

static void a_missing_translation_is_no_stanza_break(void **state)
{
    (void)state;
    assert_lyrics("[00:10.00]Hello\n[00:10.00]\n[00:20.00]World\n[00:20.00]世界\n",
                  "Hello\nWorld\n");
}

static void lines_without_real_times_all_stay(void **state)
{
    (void)state;
    assert_lyrics("[00:00.00]a\n[00:00.00]b\n[00:00.00]\n[00:00.00]c\n[00:00.00]d\n",
                  "a\nb\n\nc\nd\n");
    assert_int_equal(counts.num_translations, 0);
}

static void speaker_prefixes_are_dropped(void **state)
{
    (void)state;
    assert_lyrics(
        "[00:01.00]v1: a\n[00:02.00]男:b\n[00:03.00]女：c\n[00:04.00]合: d\n[00:05.00]（男）e\n"
        "[00:06.00]合唱：男：f\n[00:07.00]男:\n[00:08.00]g\n",
        "a\nb\nc\nd\ne\nf\ng\n");
    assert_int_equal(counts.num_speakers, 8);
}

static void several_singers_are_a_prefix(void **state)
{
    (void)state;
    assert_lyrics(
        "[00:01.00]男/女：a\n[00:02.00]女1、女2:b\n[00:03.00]v1000: c\n[00:04.00]Both: d\n"
        "[00:05.00](男&女) e\n[00:06.00]男/她：f\n",
        "a\nb\nc\nd\ne\n男/她：f\n");
}

static void a_line_that_begins_like_a_speaker_stays(void **state)
{
    (void)state;
    assert_lyrics("[00:01.00]男人哭吧\n[00:02.00]合适的人\n[00:03.00]v1 "
                  "rocket\n[00:04.00]他说：走\n[00:05.00](all) in\n",
                  "男人哭吧\n合适的人\nv1 rocket\n他说：走\n(all) in\n");
}

static void credits_are_dropped(void **state)
{
    (void)state;
    assert_lyrics("[00:00.00]作词 : 方文山\n[00:01.00]作曲：周杰伦\n[00:02.00]编曲:洪敬尧\n"
                  "[00:03.00]製作人：某\n[00:04.00]Lyrics by: A\n[00:05.00]Composed by：B\n"
                  "[00:06.00]词/曲：C\n[00:07.00]混音工程师 Mixing Engineer：D\n[00:08.00]a\n",
                  "a\n");
    assert_int_equal(counts.num_credits, 8);
}

static void credits_in_json_are_dropped(void **state)
{
    (void)state;
    assert_lyrics("{\"t\":0,\"c\":[{\"tx\":\"作词: \"},{\"tx\":\"方文山\"}]}\n[00:01.00]a\n",
                  "a\n");
}

static void credits_at_the_end_are_dropped(void **state)
{
    (void)state;
    assert_lyrics("[00:01.00]a\n[00:02.00]b\n[00:03.00]吉他：A\n[00:04.00]OP：B\n", "a\nb\n");
}

/* Writes `num` lines a, a second apart, with `special` as line `place`, counted from 0. */
static void write_lines(char *text, size_t size, int num, int place, const char *special)
{
    int length = 0;
    for (int i = 0; i < num; i++)
        length += snprintf(text + length, size - (size_t)length, "[00:%02d.00]%s\n", i,
                           i == place ? special : "a");
}

static void credits_are_only_in_the_first_12_and_the_last_6_lines(void **state)
{
    (void)state;
    char text[1024];
    for (int place = 0; place < 25; place++) {
        kept_songs songs;
        write_lines(text, sizeof text, 25, place, "曲：b");
        assert_int_equal(read_text(text, strlen(text), &songs), LYRNN_OK);
        bool is_dropped = place < 12 || place >= 19;
        assert_int_equal(counts.num_credits, is_dropped);
        assert_int_equal(strstr(songs.text, "曲：b") == NULL, is_dropped);
    }
}

static void a_line_that_begins_like_a_credit_stays(void **state)
{
    (void)state;
    assert_lyrics("[00:01.00]词不达意\n[00:02.00]曲终人散：再见\n[00:03.00]作词的人走了\n"
                  "[00:04.00]by the river: home\n",
                  "词不达意\n曲终人散：再见\n作词的人走了\nby the river: home\n");
}

static void a_heading_with_the_title_is_dropped(void **state)
{
    (void)state;
    assert_songs("[ti:晴天]\n[00:00.00]晴天 - 周杰伦\n[00:01.00]晴天\n[00:02.00]晴天 - 雨天\n",
                 "晴天{晴天\n晴天 - 雨天\n}");
}

static void a_piece_without_lyrics_is_no_song(void **state)
{
    (void)state;
    assert_songs("[ti:a]\n[00:00.00]纯音乐，请欣赏\n", "");
    assert_int_equal(counts.num_not_songs, 1);
    assert_songs("[00:00.00]此歌曲为没有填词的純音樂，請您欣賞\n", "");
}

static void an_empty_timed_line_is_a_stanza_break(void **state)
{
    (void)state;
    assert_lyrics("[00:01.00]a\n[00:02.00]\n[00:03.00]b\n", "a\n\nb\n");
}

static void empty_lines_in_a_row_are_one_stanza_break(void **state)
{
    (void)state;
    assert_lyrics("[00:00.00]\n[00:01.00]a\n[00:02.00]\n[00:02.50] \n\n[00:03.00]b\n[00:04.00]\n\n",
                  "a\n\nb\n");
}

static void an_empty_line_without_a_time_is_a_stanza_break(void **state)
{
    (void)state;
    assert_lyrics("[00:01.00]a\n\n[00:03.00]b\n", "a\n\nb\n");
}

static void empty_lines_after_each_line_are_no_stanza_breaks(void **state)
{
    (void)state;
    char text[1024];
    int length = 0;
    for (int i = 0; i < 9; i++)
        length += snprintf(text + length, sizeof text - (size_t)length,
                           "[00:%02d.00]a\n[00:%02d.50]\n", i, i);
    assert_lyrics(text, "a\na\na\na\na\na\na\na\na\n");
}

static void every_newline_ends_a_line(void **state)
{
    (void)state;
    assert_lyrics("[00:01.00]a\r\n[00:02.00]b\r[00:03.00]c\r\r\n[00:04.00]d", "a\nb\nc\nd\n");
}

static void a_byte_order_mark_is_dropped(void **state)
{
    (void)state;
    assert_songs("\xEF\xBB\xBF[ti:t]\n\xEF\xBB\xBF[00:01.00]a\n", "t{a\n}");
}

static void a_file_of_header_tags_is_no_song(void **state)
{
    (void)state;
    assert_songs("[ti:a]\n[ar:b]\n\n", "");
    assert_int_equal(counts.num_not_songs, 1);
    assert_songs("", "");
}

static void a_file_without_times_is_its_lines(void **state)
{
    (void)state;
    assert_songs("[ti:t]\na\nb\n\nc\n", "t{a\nb\n\nc\n}");
}

static void a_line_without_a_time_follows_the_line_before_it(void **state)
{
    (void)state;
    assert_lyrics("x\n[00:20.00]c\nd\n[00:10.00][00:30.00]a\nb\n", "x\na\nb\nc\nd\na\nb\n");
}

static void tags_contain_spaces(void **state)
{
    (void)state;
    assert_songs(" [ ti : t ]\n[ 00:02.00 ] b\n\t[00 : 01 . 00]\ta \n", "t{a\nb\n}");
}

static void wide_spaces_are_trimmed(void **state)
{
    (void)state;
    assert_lyrics("[00:01.00]\xE3\x80\x80"
                  "a b\xE3\x80\x80\n",
                  "a b\n");
}

static void negative_times_come_first(void **state)
{
    (void)state;
    assert_lyrics("[00:01.00]c\n[-00:01.00]b\n[00:-2.00]a\n", "a\nb\nc\n");
}

static void absurd_times_come_last(void **state)
{
    (void)state;
    assert_lyrics("[99999999999999999999999:99.99]c\n[00:99.99]b\n[00:61.00]a\n", "a\nb\nc\n");
    assert_lyrics("[00:00.99999999999999999999]b\n[00:00.5]a\n", "a\nb\n");
}

static void an_unclosed_time_is_a_time(void **state)
{
    (void)state;
    assert_lyrics("[00:02.00 b\n[00:01.00a\n", "a\nb\n");
}

static void an_unclosed_header_is_dropped(void **state)
{
    (void)state;
    assert_songs("[ti:t\n[00:01.00]a\n", "t{a\n}");
}

static void other_unclosed_brackets_stay(void **state)
{
    (void)state;
    assert_lyrics("[00:01.00]a [b\n[00:02.00]c] d\n[00:03.00]e <f\n[00:04.00][\n",
                  "a [b\nc] d\ne <f\n[\n");
}

static void brackets_of_the_lyrics_stay(void **state)
{
    (void)state;
    assert_lyrics("[00:01.00][间奏]\n[00:02.00][Chorus]\n[00:03.00]a [x2]\n[00:04.00]<b>\n"
                  "[00:05.00][Verse 1: A]\n[Bridge]\n",
                  "[间奏]\n[Chorus]\na [x2]\n<b>\n[Verse 1: A]\n[Bridge]\n");
}

static void no_tag_is_left_by_nesting(void **state)
{
    (void)state;
    assert_lyrics("[00:01.00]a[00[00:01.00]:02.00]b<<00:01.00>00:03>\n", "ab\n");
    assert_songs("[00:01.00]男：[00:02.00 [ti:x]v1:a\n", "x{a\na\n}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_has_a_fraction_of_two_digits),
        cmocka_unit_test(a_time_has_a_fraction_of_three_digits),
        cmocka_unit_test(a_fraction_of_one_digit_is_tenths),
        cmocka_unit_test(a_fraction_follows_a_colon),
        cmocka_unit_test(a_fraction_follows_a_comma),
        cmocka_unit_test(a_time_has_no_fraction),
        cmocka_unit_test(minutes_exceed_99),
        cmocka_unit_test(a_time_has_hours),
        cmocka_unit_test(several_times_repeat_a_line_as_it_is_sung),
        cmocka_unit_test(lines_are_sorted_by_time),
        cmocka_unit_test(header_tags_are_dropped),
        cmocka_unit_test(other_header_tags_are_dropped),
        cmocka_unit_test(a_title_has_brackets),
        cmocka_unit_test(an_empty_title_is_none),
        cmocka_unit_test(another_title_begins_another_song),
        cmocka_unit_test(headers_share_a_line),
        cmocka_unit_test(word_times_are_dropped),
        cmocka_unit_test(word_times_in_square_brackets_are_dropped),
        cmocka_unit_test(a_translation_at_the_same_time_is_dropped),
        cmocka_unit_test(a_third_line_at_the_same_time_is_dropped),
        cmocka_unit_test(a_missing_translation_is_no_stanza_break),
        cmocka_unit_test(lines_without_real_times_all_stay),
        cmocka_unit_test(speaker_prefixes_are_dropped),
        cmocka_unit_test(several_singers_are_a_prefix),
        cmocka_unit_test(a_line_that_begins_like_a_speaker_stays),
        cmocka_unit_test(credits_are_dropped),
        cmocka_unit_test(credits_in_json_are_dropped),
        cmocka_unit_test(credits_at_the_end_are_dropped),
        cmocka_unit_test(credits_are_only_in_the_first_12_and_the_last_6_lines),
        cmocka_unit_test(a_line_that_begins_like_a_credit_stays),
        cmocka_unit_test(a_heading_with_the_title_is_dropped),
        cmocka_unit_test(a_piece_without_lyrics_is_no_song),
        cmocka_unit_test(an_empty_timed_line_is_a_stanza_break),
        cmocka_unit_test(empty_lines_in_a_row_are_one_stanza_break),
        cmocka_unit_test(an_empty_line_without_a_time_is_a_stanza_break),
        cmocka_unit_test(empty_lines_after_each_line_are_no_stanza_breaks),
        cmocka_unit_test(every_newline_ends_a_line),
        cmocka_unit_test(a_byte_order_mark_is_dropped),
        cmocka_unit_test(a_file_of_header_tags_is_no_song),
        cmocka_unit_test(a_file_without_times_is_its_lines),
        cmocka_unit_test(a_line_without_a_time_follows_the_line_before_it),
        cmocka_unit_test(tags_contain_spaces),
        cmocka_unit_test(wide_spaces_are_trimmed),
        cmocka_unit_test(negative_times_come_first),
        cmocka_unit_test(absurd_times_come_last),
        cmocka_unit_test(an_unclosed_time_is_a_time),
        cmocka_unit_test(an_unclosed_header_is_dropped),
        cmocka_unit_test(other_unclosed_brackets_stay),
        cmocka_unit_test(brackets_of_the_lyrics_stay),
        cmocka_unit_test(no_tag_is_left_by_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Words that name a part in making a song, or a singer. The lists are short, because a line of
 * lyrics that is taken for a credit is lost: a name counts only as a whole, and only before a
 * colon. */
#include "corpus/lrc_credits.h"

#include <string.h>
#include <strings.h>

#include "corpus/blank.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A Chinese word counts together with what follows it, for example 混音 in 混音工程师. */
static const char *const parts[] = {
    "作词", "作詞", "填词", "填詞", "词曲", "詞曲",   "作曲",  "谱曲", "譜曲", "编曲",
    "編曲", "改编", "改編", "制作", "製作", "监制",   "監製",  "演唱", "原唱", "翻唱",
    "歌手", "混音", "录音", "錄音", "母带", "母帶",   "后期",  "後期", "和声", "和聲",
    "和音", "配唱", "人声", "人聲", "吉他", "贝斯",   "貝斯",  "键盘", "鍵盤", "钢琴",
    "鋼琴", "弦乐", "弦樂", "鼓手", "出品", "发行",   "發行",  "统筹", "統籌", "策划",
    "策劃", "企划", "企劃", "封面", "版权", "版權",   "歌名",  "歌曲", "专辑", "專輯",
    "音乐", "音樂", "贝司", "打击", "打擊", "小提琴", "大提琴"};
/* These count only as a whole. */
static const char *const words[] = {
    "词",       "詞",        "曲",         "唱",          "编",       "編",          "鼓",
    "by",       "lyrics",    "lyric",      "lyricist",    "words",    "music",       "written",
    "writer",   "composed",  "composer",   "composition", "arranged", "arranger",    "arrangement",
    "produced", "producer",  "production", "executive",   "mixed",    "mixing",      "mix",
    "mastered", "mastering", "recorded",   "recording",   "engineer", "studio",      "vocal",
    "vocals",   "backing",   "background", "artist",      "singer",   "guitar",      "bass",
    "drums",    "keyboards", "keyboard",   "piano",       "strings",  "programming", "publisher",
    "original", "assistant", "additional", "electric",    "acoustic", "op",          "sp",
    "isrc"};
static const char *const separators[] = {" ",  "/",  "&",  ",",  "+",  "(",           ")",
                                         "、", "，", "／", "（", "）", "\xE3\x80\x80"};
static const char *const singers[] = {
    "男",   "女",   "合",   "童",   "独",   "獨",   "齐",     "齊",   "众",   "眾",   "男女",
    "女男", "男声", "男聲", "女声", "女聲", "童声", "童聲",   "合唱", "独唱", "獨唱", "齐唱",
    "齊唱", "对唱", "對唱", "全体", "全體", "male", "female", "both", "all"};
static const char *const brackets[][2] = {{"(", ")"}, {"（", "）"}, {"[", "]"}, {"【", "】"}};

static bool begins_with(const char *text, size_t num_bytes, const char *word)
{
    size_t length = strlen(word);
    return length <= num_bytes && strncasecmp(text, word, length) == 0;
}

static bool is_word(const char *text, size_t num_bytes, const char *const *list, size_t num)
{
    for (size_t i = 0; i < num; i++)
        if (strlen(list[i]) == num_bytes && begins_with(text, num_bytes, list[i]))
            return true;
    return false;
}

/* The bytes of the word of a list with which a text begins; 0: none. The longest one counts. */
static size_t word_at(const char *text, size_t num_bytes, const char *const *list, size_t num)
{
    size_t longest = 0;
    for (size_t i = 0; i < num; i++)
        if (strlen(list[i]) > longest && begins_with(text, num_bytes, list[i]))
            longest = strlen(list[i]);
    return longest;
}

size_t lrc_colon_at(const char *text, size_t num_bytes)
{
    static const char *const colons[] = {":", "："};
    return word_at(text, num_bytes, colons, COUNT(colons));
}

static bool is_credit_word(const char *text, size_t num_bytes)
{
    enum { MAX_BYTES = 8 * 3 }; /* eight Chinese characters */
    return is_word(text, num_bytes, words, COUNT(words)) ||
           (num_bytes <= MAX_BYTES && word_at(text, num_bytes, parts, COUNT(parts)) > 0);
}

bool lrc_is_credit_name(const char *text, size_t num_bytes)
{
    size_t begin = 0, num_words = 0;
    for (size_t i = 0; i <= num_bytes;) {
        size_t separator = word_at(text + i, num_bytes - i, separators, COUNT(separators));
        if (i < num_bytes && separator == 0) {
            i++;
            continue;
        }
        if (i > begin && !is_credit_word(text + begin, i - begin))
            return false;
        num_words += i > begin;
        i += i == num_bytes ? 1 : separator;
        begin = i;
    }
    return num_words > 0;
}

bool lrc_is_credit(const char *text, size_t num_bytes)
{
    enum { MAX_NAME = 96 };
    if (begins_with(text, num_bytes, "{\"t\":")) /* NetEase writes credits as objects of JSON */
        return true;
    for (size_t i = 0; i < num_bytes && i < MAX_NAME; i++)
        if (lrc_colon_at(text + i, num_bytes - i) > 0)
            return lrc_is_credit_name(text, i);
    return false;
}

static bool contains(const char *text, size_t num_bytes, const char *word)
{
    for (size_t i = 0; i < num_bytes; i++)
        if (begins_with(text + i, num_bytes - i, word))
            return true;
    return false;
}

bool lrc_is_instrumental(const char *text, size_t num_bytes)
{
    enum { MAX_BYTES = 30 * 3 }; /* thirty Chinese characters */
    return num_bytes <= MAX_BYTES &&
           (contains(text, num_bytes, "纯音乐") || contains(text, num_bytes, "純音樂")) &&
           (contains(text, num_bytes, "欣赏") || contains(text, num_bytes, "欣賞"));
}

/* The bytes of a singer, with a number: v1, 男2, Both; 0: none. */
static size_t singer_at(const char *text, size_t num_bytes)
{
    enum { MAX_DIGITS = 4 };
    bool is_voice = num_bytes > 0 && (text[0] == 'v' || text[0] == 'V');
    size_t name = is_voice ? 1 : word_at(text, num_bytes, singers, COUNT(singers)), num = name;
    while (num > 0 && num < num_bytes && num < name + MAX_DIGITS && text[num] >= '0' &&
           text[num] <= '9')
        num++;
    return is_voice && num == name ? 0 : num;
}

/* The bytes of one singer or of several: 男/女; 0: none. */
static size_t name_at(const char *text, size_t num_bytes)
{
    size_t name = singer_at(text, num_bytes), next = name;
    while (next > 0) {
        size_t separator = word_at(text + name, num_bytes - name, separators, COUNT(separators));
        next = separator > 0 ? singer_at(text + name + separator, num_bytes - name - separator) : 0;
        name += next > 0 ? separator + next : 0;
    }
    return name;
}

size_t lrc_speaker_bytes(const char *text, size_t num_bytes)
{
    size_t name = name_at(text, num_bytes);
    if (name > 0) {
        size_t blanks = text_leading_blanks(text + name, num_bytes - name);
        size_t colon = lrc_colon_at(text + name + blanks, num_bytes - name - blanks);
        return colon > 0 ? name + blanks + colon : 0;
    }
    for (size_t i = 0; i < COUNT(brackets); i++) {
        size_t opening = strlen(brackets[i][0]);
        if (!begins_with(text, num_bytes, brackets[i][0]))
            continue;
        name = name_at(text + opening, num_bytes - opening);
        size_t closing = opening + name;
        /* English in brackets is an echo that is sung. */
        bool is_english = name > 0 && (unsigned char)text[opening] < 0x80;
        if (name > 0 && !is_english &&
            begins_with(text + closing, num_bytes - closing, brackets[i][1]))
            return closing + strlen(brackets[i][1]);
    }
    return 0;
}

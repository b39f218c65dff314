# check_words.pl [--summary] LIST: does the work of check_words.sh, which calls it. It reads the
# names of files from standard input, each ended by NUL. words.txt explains the format of LIST.
use strict;
use warnings;

my $max_columns = 100;
# Characters that take two columns: the East Asian scripts and their punctuation, and pictures.
my @wide_ranges = (
    '\x{1100}-\x{115F}\x{2E80}-\x{A4CF}\x{AC00}-\x{D7A3}\x{F900}-\x{FAFF}\x{FE30}-\x{FE6F}',
    '\x{FF00}-\x{FF60}\x{FFE0}-\x{FFE6}\x{1F300}-\x{1F64F}\x{1F900}-\x{1F9FF}\x{20000}-\x{3FFFD}',
);
my $wide = join '', '[', @wide_ranges, ']';
$wide = qr/$wide/;
my $quoted = qr/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/;

# A space of a pattern also matches the break of a line inside of a sentence.
sub compile {
    my ($pattern, $shorthands) = @_;
    $pattern =~ s/<(\w+)>/exists $shorthands->{$1} ? "(?:$shorthands->{$1})" : $&/ge;
    my $any_case = $pattern !~ /(?<!\\)[A-Z]/;
    $pattern =~ s/ /(?: +| *\\n *)/g;
    my $compiled = eval { qr/$pattern/m } or die "words.txt: line $.: bad pattern: $@";
    die "words.txt: line $.: the pattern matches an empty phrase\n" if '' =~ $compiled;
    return ($compiled, $any_case);
}

# The rules of the list: {pattern, any_case, advice, exception}.
sub read_list {
    my ($name) = @_;
    my (@rules, %shorthands);
    open my $file, '<', $name or die "$name: cannot be opened: $!\n";
    while (my $line = <$file>) {
        chomp $line;
        next if $line =~ /^#|^\s*$/;
        if ($line =~ /^(\w+) = (.+)$/) {
            $shorthands{$1} = $2;
            next;
        }
        my ($pattern, $replacement, $exception) = split /\t+/, $line;
        die "words.txt: line $.: needs PATTERN, tab, REPLACEMENT\n" if !length($replacement // '');
        my %rule = (advice => "write \"$replacement\" instead");
        $rule{advice} = $1 if $replacement =~ /^\((.*)\)$/;
        @rule{qw(pattern any_case)} = compile($pattern, \%shorthands);
        ($rule{exception}) = compile($exception, \%shorthands) if defined $exception;
        push @rules, \%rule;
    }
    return @rules;
}

sub blank {
    my ($text) = @_;
    $text =~ tr/\n/ /c;
    return $text;
}

# The comments and strings of a source in C, C++ or CUDA; spaces stand for everything else.
sub without_code {
    my ($text) = @_;
    $text =~ s{(/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|([^/"']+|.)}
              {defined $1 ? $1 : blank($2)}gse;
    return $text;
}

# Spaces stand for the sign that begins each line of a comment, and for the quotes between the parts
# of a string, so that a sentence can be followed from line to line.
sub without_margins {
    my ($text, $is_markdown) = @_;
    my $sign = $is_markdown ? qr/>+/ : qr{/?\*+|//+|\#+};
    $text =~ s/^([ \t]*$sign)(?=[ \t]|$)/blank($1)/gme;
    $text =~ s/"( *\n *)"/ $1 /g;
    return $text;
}

# Whether the exception matches a part of the phrase at [$from, $to).
sub is_exempt {
    my ($text, $exception, $from, $to) = @_;
    my $start = $from > 80 ? $from - 80 : 0;
    my $around = substr $text, $start, $to + 80 - $start;
    while ($around =~ /$exception/g) {
        return 1 if $start + $-[0] < $to && $start + $+[0] > $from;
    }
    return 0;
}

# The phrases in a file: [line, what to do].
sub phrases {
    my ($name, $text, @rules) = @_;
    $text = without_code($text) if $name =~ /\.(?:[ch]|cu|cuh|cpp)$/;
    $text = without_margins($text, $name =~ /\.md$/);
    my $lower = lc $text;
    my @hits;
    for my $rule (@rules) {
        my $where = $rule->{any_case} ? \$lower : \$text;
        while ($$where =~ /$rule->{pattern}/g) {
            my ($from, $to) = ($-[0], $+[0]);
            next if $rule->{exception} && is_exempt($$where, $rule->{exception}, $from, $to);
            (my $phrase = substr $text, $from, $to - $from) =~ s/\s+/ /g;
            my $line = 1 + (substr($text, 0, $from) =~ tr/\n//);
            push @hits, [$line, "\"$phrase\": $rule->{advice}"];
        }
    }
    return @hits;
}

sub columns {
    my ($text) = @_;
    utf8::decode($text);
    my $num_wide = () = $text =~ /$wide/g;
    return length($text) + $num_wide;
}

# A line of data has a word or a quoted string that would not fit in a line of its own.
sub is_data {
    my ($line) = @_;
    my ($indent) = $line =~ /^([ \t]*)/;
    my $room = $max_columns - length($indent) - 4;
    for my $part ($line =~ /$quoted/g, split ' ', $line) {
        return 1 if columns($part) > $room;
    }
    return 0;
}

# The lines of a file that are too wide: [line, what to do].
sub wide_lines {
    my ($name, $text) = @_;
    return if $name =~ /\.md$/;
    my ($number, @hits) = (0);
    for my $line (split /\n/, $text) {
        $number++;
        next if length $line <= $max_columns;
        my $columns = columns($line);
        next if $columns <= $max_columns || is_data($line);
        push @hits, [$number, "$columns columns: break the line, $max_columns fit"];
    }
    return @hits;
}

my $is_summary = @ARGV && $ARGV[0] eq '--summary' && shift @ARGV;
my @rules = read_list($ARGV[0]);
my ($total, %per_folder) = (0);
$/ = "\0";
chomp(my @names = <STDIN>);
undef $/;
for my $name (@names) {
    open my $file, '<', $name or die "$name: cannot be opened: $!\n";
    my $text = <$file> // '';
    my @hits = (phrases($name, $text, @rules), wide_lines($name, $text));
    $total += @hits;
    if ($is_summary) {
        $per_folder{$name =~ m{^(.*)/} ? $1 : '.'} += @hits;
        next;
    }
    print "$name:$$_[0]: $$_[1]\n" for sort { $$a[0] <=> $$b[0] } @hits;
}
if ($is_summary) {
    printf "%5d %s\n", $per_folder{$_}, $_ for grep { $per_folder{$_} } sort keys %per_folder;
    printf "%5d in all\n", $total;
}
exit($total > 0);

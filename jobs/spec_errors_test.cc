#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "jobs/spec.h"

namespace remuda {
namespace {

constexpr const char* kHead =
    "apiVersion: remuda/v1\nkind: Job\nmetadata: {name: a}\nspec:\n";
constexpr const char* kNoop = "  type: noop\n";

std::vector<std::string> Errors(const std::string& text) {
  const SpecResult result = ParseSpec(text, "a.yaml");
  EXPECT_TRUE(result.jobs.empty() || result.errors.empty());
  std::vector<std::string> texts;
  for (const SpecError& error : result.errors) texts.push_back(ToText(error));
  return texts;
}

struct BadSpec {
  std::string name;
  std::string text;
  std::string position;  // "4:3", or "" for the whole file
  std::string says;      // a part of the first error
};

std::string Head(const std::string& spec) { return kHead + spec; }
std::string Noop(const std::string& spec) {
  return std::string(kHead) + kNoop + spec;
}

std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

void PrintTo(const BadSpec& spec, std::ostream* out) { *out << spec.name; }

class BadSpecTest : public testing::TestWithParam<BadSpec> {};

TEST_P(BadSpecTest, IsRefusedAtItsPosition) {
  const std::vector<std::string> errors = Errors(GetParam().text);
  ASSERT_FALSE(errors.empty());
  std::string begin = "a.yaml:";
  if (!GetParam().position.empty()) begin += GetParam().position + ":";
  begin += " ";
  EXPECT_EQ(errors.front().substr(0, begin.size()), begin) << errors.front();
  EXPECT_NE(errors.front().find(GetParam().says), std::string::npos)
      << errors.front();
  EXPECT_LE(errors.size(), kSpecErrorsMax);
}

std::vector<BadSpec> BadBytes() {
  return {
      {"Empty", "", "1:1", "the file is empty"},
      {"OnlyComments", "# nothing\n\n", "1:1", "the file is empty"},
      {"TooLarge", Noop("  # " + std::string(2u << 20, 'x')), "6:1048506",
       "and a spec may have 1048576"},
      {"ManyBrackets", Noop("  with: " + std::string(300'000, '[')), "",
       "the file has 300002 brackets, braces and commas"},
      {"BadUtf8", Noop("  queue: caf\xe9\n"), "6:13",
       "the byte 0xE9 is not UTF-8 text"},
      {"Nul", std::string("a: b\nc: \0", 9), "2:4", "U+0000 (NUL)"},
      {"Escape", "a: \x1b[31m", "1:4", "U+001B"},
      {"C1Control", "\xC3\xA9: \xC2\x9B", "1:4", "U+009B"},
      {"OldMacLines", "a: b\rc: d", "1:5", "carriage return"},
  };
}

std::vector<BadSpec> BadYaml() {
  return {
      {"BadIndentation", Head("  type: noop\n   priority: 1\n"), "6:12", "':'"},
      {"Tab", Head("\ttype: noop\n"), "5:1", "a tab cannot indent YAML"},
      {"TabLater", Noop("\tpriority: 1\n"), "6:1", "use spaces"},
      {"OpenBrace", Head("  type: {noop\n"), "5:9", "is not closed by a '}'"},
      {"OpenQuote", Noop("  queue: \"default\n"), "6:10", "never closed"},
      {"AtSign", Noop("  queue: @x\n"), "6:10", "put it in quotes"},
      {"AliasBomb",
       "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n", "1:4",
       "anchors ('&') are not allowed"},
      {"SelfReference", "&x [*x]\n", "1:1", "anchors"},
      {"Alias", Noop("  queue: *x\n"), "6:10", ""},
      {"Tag", Noop("  priority: !!int 5\n"), "6:13", "tags ('!')"},
      {"LoneTag", Noop("  priority: ! 5\n"), "6:13", "tags ('!')"},
      {"MergeKey", Noop("  <<: {priority: 1}\n"), "6:3", "merge keys"},
      {"DuplicateKey", Noop("  priority: 1\n  type: sleep\n"), "7:3",
       "the key 'type' is here twice, the first time on line 5"},
      {"QuotedDuplicate", Noop("  'type': sleep\n"), "6:3", "twice"},
      {"DepthFlow",
       Noop("  with: " + std::string(3000, '[') + std::string(3000, ']')),
       "6:39", "nest deeper than 32 levels"},
      {"DepthUnclosed", Noop("  with: " + std::string(3000, '[')), "6:24",
       "nest deeper"},
      {"OpenBracket", Head("  type: [a, b\n  with: 1\n"), "5:9",
       "is not closed by a ']'"},
      {"DepthBlock", Repeat("- ", 3000), "1:65", "nest deeper"},
      {"LongText", Noop("  queue: " + std::string(70'000, 'x')), "6:10",
       "one text has 70000 bytes"},
      {"ManyNodes",
       Noop("  tasks:\n    items: [" + Repeat("1,", 60'000) + "1]\n"),
       "7:99979", "more than 50000 values"},
      {"ManyKeys",
       [] {
         std::string text = "{";
         for (int i = 0; i < 1001; ++i) {
           text += "k" + std::to_string(i) + ": 1,";
         }
         return text + "}";
       }(),
       "1:7892", "a map may have 1000 keys"},
      {"ManyDocuments", Repeat("---\na: 1\n", 65), "129:1", "64 documents"},
      {"ListAsKey", Noop("  ? [a]\n  : 1\n"), "6:5", "a key has to be text"},
  };
}

std::vector<BadSpec> BadBraces() {
  return {
      {"UnquotedTemplate",
       Head("  type: http.crawl\n  with:\n    url: {{item}}\n"), "7:10",
       "{{item}} has to be quoted"},
      {"UnquotedInMap", Head("  type: x\n  with: {url: {{item.a}}, b: 1}\n"),
       "6:15", "write \"{{item.a}}\""},
      {"UnquotedInList", Head("  with:\n    argv: [echo, {{item}}/x]\n"),
       "6:18", "write \"{{item}}/x\""},
      {"UnquotedInText", Head("  with: {argv: [a{{item}}]}\n"), "5:16",
       "as in \"{{item}}\""},
  };
}

std::vector<BadSpec> BadShape() {
  return {
      {"NotAMap", "- a\n- b\n", "1:1", "found a list, expected a map"},
      {"EmptyDocument", "---\n---\n" + Noop(""), "2:1",
       "the document is empty"},
      {"WrongVersion",
       "apiVersion: remuda/v2\nkind: Job\nmetadata: {name: a}\nspec: "
       "{type: noop}\n",
       "1:13", "'apiVersion' cannot be 'remuda/v2', did you mean 'remuda/v1'?"},
      {"WrongKind",
       "apiVersion: remuda/v1\nkind: Pod\nmetadata: {name: a}\nspec: "
       "{type: noop}\n",
       "2:7", "'kind' cannot be 'Pod'"},
      {"NoVersion", "kind: Job\nmetadata: {name: a}\nspec: {type: noop}\n",
       "1:1", "'apiVersion' is missing; add 'apiVersion: remuda/v1'"},
      {"NoType", Head("  priority: 1\n"), "5:3", "'type' is missing in 'spec'"},
      {"UnknownKey", Noop("  concurency: 5\n"), "6:3",
       "unknown key 'concurency', did you mean 'concurrency'?"},
      {"KeyInTheWrongPlace",
       "apiVersion: remuda/v1\nkind: Job\nmetadata: {name: a}\n"
       "concurrency: 4\nspec: {type: noop}\n",
       "4:1", "it belongs under 'spec'"},
      {"DottedKey", Noop("  tasks.lines: x\n"), "6:3", "unknown key"},
      {"BadName",
       "apiVersion: remuda/v1\nkind: Job\nmetadata: {name: Crawl Titles}\n"
       "spec: {type: noop}\n",
       "3:18", "a name has 1 to 63 of a-z"},
  };
}

std::vector<BadSpec> BadValues() {
  return {
      {"TextForNumber", Noop("  concurrency: many\n"), "6:16",
       "expected a number without a fraction, found the text 'many'"},
      {"QuotedNumber", Noop("  concurrency: \"5\"\n"), "6:16",
       "expected a number"},
      {"FractionForInteger", Noop("  priority: 1.5\n"), "6:13",
       "found the number 1.5"},
      {"NoConcurrency", Noop("  concurrency: 0\n"), "6:16",
       "has to be at least 1"},
      {"NegativeConcurrency", Noop("  concurrency: -5\n"), "6:16",
       "has to be at least 1"},
      {"HugePriority", Noop("  priority: 3000000000\n"), "6:13",
       "may be at most 2147483647"},
      {"ListForText", Noop("  queue: [a]\n"), "6:10",
       "expected a name, found a list"},
      {"NullForMap", Noop("  tasks:\n"), "6:3", "found nothing"},
      {"LabelsOfLists",
       "apiVersion: remuda/v1\nkind: Job\nmetadata: {name: a, labels: {b: "
       "[]}}\nspec: {type: noop}\n",
       "3:33", "expected text, found a list"},
      {"UnknownType", Head("  type: http.crawler\n"), "5:9",
       "unknown job type 'http.crawler', did you mean 'http.crawl'?"},
      {"UnknownSafeExecutor", Noop("  executor: {auto: [threads]}\n"), "6:21",
       "'threads' is not an executor; use async, thread-pool or process-pool"},
      {"SafeExecutorTwice", Noop("  executor: {auto: [async, async]}\n"),
       "6:28", "'async' stands there twice"},
      {"NoSafeExecutor", Noop("  executor: {auto: []}\n"), "6:20",
       "'executor.auto' is empty; write 'executor: auto' or name"},
      {"AutoAndPrefer", Noop("  executor: {auto: [async], prefer: async}\n"),
       "6:13", "'executor' takes one of auto, prefer and require"},
      {"UnknownExecutor", Noop("  executor: threads\n"), "6:13",
       "possible are auto, async, thread-pool and process-pool"},
      {"TimeoutWithoutUnit", Noop("  timeout: 30\n"), "6:12",
       "has no unit; write '30s'"},
      {"TimeoutZero", Noop("  timeout: 0\n"), "6:12",
       "leave 'timeout' out for no limit"},
      {"TimeoutZeroSeconds", Noop("  timeout: {after: 0s}\n"), "6:20",
       "leave 'timeout' out"},
      {"TimeoutNegative", Noop("  timeout: -5s\n"), "6:12",
       "cannot be negative"},
      {"TimeoutWords", Noop("  timeout: soon\n"), "6:12",
       "expected a duration such as 30s"},
      {"PercentOverHundred", Noop("  success: {max_failed: 101%}\n"), "6:25",
       "may be at most 100%"},
      {"NegativeFailed", Noop("  success: {max_failed: -1}\n"), "6:25",
       "cannot be negative"},
      {"FailedWords", Noop("  success: {max_failed: few}\n"), "6:25",
       "or a percentage such as 1%"},
      {"HugeNumber", Noop("  tasks: {items: [99999999999999999999]}\n"), "6:19",
       "too large to stay exact"},
      {"Infinity", Noop("  tasks: {items: [.inf]}\n"), "6:19", "quote it"},
  };
}

std::vector<BadSpec> BadMeaning() {
  return {
      {"ExecutorOfType",
       Head("  type: http.crawl\n  with: {url: x}\n  executor: "
            "process-pool\n"),
       "7:13",
       "cannot run on the executor 'process-pool'; it can run on async"},
      {"RequiredExecutor",
       Head("  type: command\n  with: {argv: [x]}\n  executor: "
            "{require: async}\n"),
       "7:23", "it can run on process-pool"},
      {"Workload",
       Head("  type: python\n  with: {function: 'm:f', workload: i/o}\n"),
       "6:37", "'workload' is 'i/o', did you mean 'io'?"},
      {"TemplateForTheJob",
       Head("  type: python\n  tasks: {items: [x]}\n"
            "  with: {function: 'm:f', setup: {a: 'm:{{item}}'}}\n"),
       "7:34", "'setup' is the same for all tasks"},
      {"HardOnAsync",
       Noop("  executor: async\n  timeout: {after: 1s, enforce: hard}\n"),
       "6:13", "use 'process-pool'"},
      {"HardOnHttp",
       Head("  type: http.fetch\n  with: {url: x}\n"
            "  timeout: {after: 1s, enforce: hard}\n"),
       "7:33", "leave 'enforce' out"},
      {"TwoSources", Noop("  tasks:\n    items: [1]\n    range: {to: 3}\n"),
       "8:5", "two sources, 'items' and 'range'; keep one"},
      {"NoSource", Noop("  tasks: {}\n"), "6:10", "'tasks' has no source"},
      {"NoItems", Noop("  tasks: {items: []}\n"), "6:18",
       "'tasks.items' is empty"},
      {"EmptyAxis", Noop("  tasks: {matrix: {a: [1], b: []}}\n"), "6:31",
       "the matrix has no tasks"},
      {"AxisNamedItem", Noop("  tasks: {matrix: {item: [1]}}\n"), "6:20",
       "cannot name an axis"},
      {"EmptyRange", Noop("  tasks: {range: {from: 10, to: 1}}\n"), "6:18",
       "steps of 1 do not lead from 10 to 1"},
      {"StepZero", Noop("  tasks: {range: {to: 1, step: 0}}\n"), "6:32",
       "would never arrive"},
      {"RangeOverflow",
       Noop("  tasks:\n    range: {from: -9223372036854775808,\n"
            "            to: 9223372036854775807}\n"),
       "7:12", "more than 1000000000 tasks"},
      {"MatrixOverflow",
       Noop("  tasks:\n    matrix:\n" +
            [] {
              std::string axes;
              const std::string values = "[" + Repeat("1,", 999) + "1]";
              for (const char* axis : {"a", "b", "c", "d"}) {
                axes += "      " + std::string(axis) + ": " + values + "\n";
              }
              return axes;
            }()),
       "8:7", "more than 1000000000 tasks"},
  };
}

std::vector<BadSpec> BadPolicies() {
  return {
      {"RetryOnce", Noop("  retry: {attempts: 1, on: [error]}\n"), "6:10",
       "has no effect with one attempt"},
      {"RetryNever", Noop("  retry: {attempts: 0}\n"), "6:21",
       "has to be at least 1"},
      {"RetryOnNothing", Noop("  retry: {attempts: 2, on: []}\n"), "6:28",
       "nothing would be tried again"},
      {"RetryOnWhat", Noop("  retry: {attempts: 2, on: [eror]}\n"), "6:29",
       "did you mean 'error'?"},
      {"RetryOnSuccess", Noop("  retry: {attempts: 2, on: ['exit:0']}\n"),
       "6:29", "exit codes"},
      {"RetryCodesTurned", Noop("  retry: {attempts: 2, on: [exit:9-3]}\n"),
       "6:29", "as in exit:3 or exit:64-78"},
      {"BackoffTurned",
       Noop("  retry: {attempts: 2, backoff: {initial: 9s, max: 1s}}\n"),
       "6:43", "longer than 'retry.backoff.max'"},
      {"BackoffShrinks",
       Noop("  retry: {attempts: 2, backoff: {factor: 0.5}}\n"), "6:42",
       "has to be at least 1"},
      {"NoParameters", Head("  type: http.crawl\n"), "5:3",
       "needs the parameter 'url' under 'with'"},
      {"UnknownParameter",
       Head("  type: http.crawl\n  with: {ulr: x, url: y}\n"), "6:10",
       "no parameter 'ulr', did you mean 'url'?"},
      {"ParameterOfNoop", Noop("  with: {a: 1}\n"), "6:10", "it takes none"},
      {"ParameterKind", Head("  type: sleep\n  with: {seconds: long}\n"),
       "6:19", "expected a number, found the text 'long'"},
      {"ParameterNegative", Head("  type: sleep\n  with: {seconds: -1}\n"),
       "6:19", "has to be at least 0"},
      {"EmptyArgv", Head("  type: command\n  with: {argv: []}\n"), "6:16",
       "'argv' is empty"},
      {"ArgvText", Head("  type: command\n  with: {argv: ls -l}\n"), "6:16",
       "expected a list, found the text 'ls -l'"},
      {"ArgvOfLists", Head("  type: command\n  with: {argv: [ls, [a]]}\n"),
       "6:21", "in 'argv': expected text, found a list"},
  };
}

std::vector<BadSpec> BadTemplates() {
  const std::string echo = "  type: command\n  with: {argv: [echo, ";
  return {
      {"NoItem", Head(echo + "'{{item}}']}\n"), "6:23",
       "names an item, and the job has none"},
      {"OpenTemplate", Head(echo + "'{{item']}\n"), "6:23", "not closed by }}"},
      {"LinesHaveNoKeys", Head(echo + "'{{item.a}}']}\n  tasks: {lines: x}\n"),
       "6:23", "the items of 'lines' have no keys; write {{item}}"},
      {"NearItem", Head(echo + "'{{itm}}']}\n  tasks: {range: {to: 3}}\n"),
       "6:23", "did you mean 'item'?"},
      {"NoSuchAxis",
       Head(echo + "'{{colour}}']}\n  tasks: {matrix: {color: [1]}}\n"), "6:23",
       "did you mean 'color'?"},
      {"KeyOfSomeItems",
       Head(echo + "'{{b}}']}\n  tasks: {items: [{a: 1, b: 2}, {a: 1}]}\n"),
       "6:23", "a key that not every item of 'items' has"},
      {"TemplateInKey",
       Head("  type: command\n  tasks: {lines: x}\n"
            "  with: {argv: [a], env: {'{{item}}': x}}\n"),
       "7:27", "not in keys"},
  };
}

std::vector<BadSpec> BadLater() {
  std::vector<BadSpec> specs;
  for (const char* key :
       {"limits: [web]", "deadline: 2h", "placement: {labels: {zone: a}}",
        "needs: [b]", "env: {A: b}", "files: [a]", "secrets: [a]", "batch: 10",
        "schedule: daily", "delivery: at-most-once", "speculative: true",
        "key: abc"}) {
    const std::string name(key, std::string(key).find(':'));
    specs.push_back({"Later_" + name, Noop("  " + std::string(key) + "\n"),
                     "6:3", "'" + name + "' is not supported yet"});
  }
  specs.push_back({"Later_results_of", Noop("  tasks: {results_of: b}\n"),
                   "6:11", "is not supported yet"});
  specs.push_back({"Later_queue", Noop("  queue: night\n"), "6:10",
                   "the queue 'night' is not supported yet"});
  return specs;
}

std::vector<BadSpec> BadResources() {
  const auto with = [](const std::string& line) {
    return Noop("  " + line + "\n");
  };
  const std::string command = "  type: command\n  with: {argv: [ls]}\n";
  return {
      {"CpuFraction", with("resources: {cpu: 1.5}"), "6:20",
       "has to be a whole number: it is the slots"},
      {"CpuZero", with("resources: {cpu: 0}"), "6:20", "at least 1"},
      {"CpuMany", with("resources: {cpu: 1025}"), "6:20", "at most 1024"},
      {"MemoryNoUnit", with("resources: {memory: 256}"), "6:23",
       "has no unit; write '256Mi'"},
      {"MemoryBadUnit", with("resources: {memory: 256MB}"), "6:23",
       "units are Ki, Mi, Gi and Ti"},
      {"MemoryNegative", with("resources: {memory: -1Mi}"), "6:23",
       "cannot be negative"},
      {"MemorySmall", with("resources: {memory: 4Ki}"), "6:23",
       "from 1Mi to 1024Ti"},
      {"MemoryOnThreads",
       with("resources: {memory: 64Mi}\n  executor: thread-pool"), "7:13",
       "cannot be kept on the executor 'thread-pool'"},
      {"ResourceName", with("resources: {mem: 64Mi}"), "6:15",
       "possible are cpu and memory"},
      {"OutputsNoFolder", Head(command + "  outputs: {files: [a]}\n"), "7:12",
       "'to' is missing"},
      {"OutputsNoFiles", Head(command + "  outputs: {to: x}\n"), "7:12",
       "needs 'files'"},
      {"OutputsDeep",
       Head(command + "  outputs: {to: x, files: [a, 'b/**']}\n"), "7:31",
       "'**', which is not supported yet"},
      {"OutputsOutside", Head(command + "  outputs: {to: x, files: [../a]}\n"),
       "7:28", "leaves the task's own folder"},
      {"OutputsOfNoop", with("outputs: {to: x}"), "6:12",
       "not supported yet for job type 'noop'"},
  };
}

std::string NameOf(const testing::TestParamInfo<BadSpec>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Bytes, BadSpecTest, testing::ValuesIn(BadBytes()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Yaml, BadSpecTest, testing::ValuesIn(BadYaml()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Policies, BadSpecTest,
                         testing::ValuesIn(BadPolicies()), NameOf);
INSTANTIATE_TEST_SUITE_P(Braces, BadSpecTest, testing::ValuesIn(BadBraces()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Values, BadSpecTest, testing::ValuesIn(BadValues()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Shape, BadSpecTest, testing::ValuesIn(BadShape()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Meaning, BadSpecTest, testing::ValuesIn(BadMeaning()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Templates, BadSpecTest,
                         testing::ValuesIn(BadTemplates()), NameOf);
INSTANTIATE_TEST_SUITE_P(Resources, BadSpecTest,
                         testing::ValuesIn(BadResources()), NameOf);
INSTANTIATE_TEST_SUITE_P(Later, BadSpecTest, testing::ValuesIn(BadLater()),
                         NameOf);

std::string Document(const std::string& name, const std::string& rest) {
  return "---\napiVersion: remuda/v1\nkind: Job\nmetadata: {name: " + name +
         "}\nspec:\n  type: noop\n" + rest;
}

TEST(SpecErrorsTest, CirclesOfNeedsAreNamed) {
  const auto errors =
      Errors(Document("a", "  needs: [c]\n") + Document("b", "  needs: [a]\n") +
             Document("c", "  needs: [{job: b, when: done}]\n") +
             Document("d", "  needs: [a]\n"));
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0],
            "a.yaml:7:3: jobs need each other in a circle: 'a' -> 'c' -> 'b' "
            "-> 'a'; take one of these 'needs' out");
  EXPECT_EQ(errors[1],
            "a.yaml:28:3: 'needs' is not supported yet; take it out");
  EXPECT_NE(Errors(Document("a", "  needs: a\n"))[0].find("'a' -> 'a'"),
            std::string::npos);
}

TEST(SpecErrorsTest, NamesDifferWithinAFile) {
  const auto errors = Errors(Document("a", "") + Document("a", ""));
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0],
            "a.yaml:10:18: two jobs of this file are named 'a', the first on "
            "line 4");
}

TEST(SpecErrorsTest, SeveralErrorsComeInTheOrderOfTheFile) {
  const auto errors =
      Errors(Head("  timeout: 5\n  type: sleep\n  with: {seconds: x, a: 1}\n"
                  "  concurrency: 0\n  key: x\n"));
  ASSERT_EQ(errors.size(), 5u);
  for (size_t i = 0; i < errors.size(); ++i) {
    const std::string line = "a.yaml:" + std::to_string(i < 1   ? 5
                                                        : i < 3 ? 7
                                                                : i + 5);
    EXPECT_EQ(errors[i].substr(0, line.size()), line) << errors[i];
  }
}

TEST(SpecErrorsTest, NoMoreThanTwenty) {
  std::string text = kNoop;
  for (int i = 0; i < 500; ++i) text += "  key" + std::to_string(i) + ": 1\n";
  const auto errors = Errors(Head(text));
  EXPECT_EQ(errors.size(), kSpecErrorsMax);
  EXPECT_EQ(errors.front().substr(0, 11), "a.yaml:6:3:");
  std::string aliases = "a: [";
  for (int i = 0; i < 500; ++i) aliases += "&x 1,";
  EXPECT_EQ(Errors(aliases + "]").size(), kSpecErrorsMax);
}

// Each of these once took time or memory out of all proportion somewhere.
TEST(SpecErrorsTest, HostileTextsEndSoon) {
  const int many = 1 << 19;
  for (const std::string& text : {Repeat("[", many),
                                  Repeat("{", many),
                                  Repeat("- ", many),
                                  Repeat("? ", many),
                                  Repeat("{a: ", many / 4),
                                  Repeat("&a ", many / 4),
                                  Repeat("*a ", many / 4),
                                  Repeat("!a ", many / 4),
                                  Repeat("'", many),
                                  Repeat("\"", many),
                                  Repeat("a: ", many / 4),
                                  Repeat("---\n", many / 4),
                                  Repeat("%\n", many / 2),
                                  Repeat("|\n", many / 2),
                                  "a: |\n" + Repeat(" \n", many / 2),
                                  Repeat("[],", many / 4),
                                  "[" + Repeat("[],", many / 4),
                                  Repeat("a\n", many / 2),
                                  Repeat("#\n", many / 2),
                                  Repeat(" ", many),
                                  Repeat("\\", many),
                                  "\"" + Repeat("\\", many),
                                  "\"" + Repeat("\n", many)}) {
    EXPECT_FALSE(Errors(text).empty()) << text.substr(0, 20);
  }
}

TEST(SpecErrorsTest, ManyWrongTemplatesEndSoon) {
  std::string text = Head("  type: python\n  tasks:\n    matrix:\n");
  for (int i = 0; i < 30; ++i) {
    text += "      axis_with_a_long_name_that_is_alike_" + std::to_string(i) +
            ": [1]\n";
  }
  text += "  with:\n    function: 'm:f'\n    args:\n";
  for (int i = 0; i < 15'000; ++i) {
    text += "    - '{{axis_with_a_long_name_that_is_alik}}'\n";
  }
  EXPECT_EQ(Errors(text).size(), kSpecErrorsMax);
}

}  // namespace
}  // namespace remuda

#include "coordinator/api/spec_body.h"

#include "coordinator/api/multipart.h"
#include "gtest/gtest.h"

namespace remuda {
namespace {

constexpr char kType[] = "multipart/form-data; boundary=xx";

std::string Part(const std::string& name, const std::string& text) {
  return "--xx\r\nContent-Disposition: form-data; name=\"" + name +
         "\"; filename=\"f\"\r\nContent-Type: text/plain\r\n\r\n" + text +
         "\r\n";
}

TEST(MultipartTest, KnowsItsType) {
  EXPECT_EQ(MultipartBoundary("multipart/form-data; boundary=ab"), "ab");
  EXPECT_EQ(MultipartBoundary("Multipart/Form-Data;charset=x;Boundary=\"a b\""),
            "a b");
  EXPECT_EQ(MultipartBoundary("multipart/form-data"), "");
  EXPECT_EQ(MultipartBoundary("application/yaml"), std::nullopt);
  EXPECT_EQ(MultipartBoundary(""), std::nullopt);
}

TEST(MultipartTest, GivesPartsByName) {
  const auto parts =
      ParseMultipart(Part("a", "one\r\ntwo") + Part("b/c.txt", "") +
                         Part("d", "\r\n--x") + "--xx--\r\n",
                     "xx");
  ASSERT_TRUE(parts.ok()) << parts.status();
  EXPECT_EQ(parts->size(), 3u);
  EXPECT_EQ(parts->at("a"), "one\r\ntwo");
  EXPECT_EQ(parts->at("b/c.txt"), "");
  EXPECT_EQ(parts->at("d"), "\r\n--x");
}

TEST(MultipartTest, RefusesWhatIsNone) {
  const std::string end = "--xx--\r\n";
  for (const std::string& body : std::vector<std::string>{
           "", "--", "--xx", "--xx\r\n", "--xxabc", Part("a", "1"),
           Part("a", "1") + Part("a", "2") + end,
           "--xx\r\nContent-Disposition: form-data\r\n\r\n1\r\n" + end,
           "--xx\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n" +
               end,
           "--xx\r\nContent-Type: text/plain\r\n\r\n1\r\n" + end,
           "--xx\r\nbroken\r\n\r\n1\r\n" + end, "--xx\r\n\r\n1\r\n" + end,
           "junk" + Part("a", "1") + end,
           Part(std::string(kPartHeaderBytesMax, 'n'), "1") + end}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseMultipart(body, "xx").status()))
        << body.substr(0, 100);
  }
  std::string many;
  for (size_t i = 0; i <= kPartsMax; ++i) many += Part(std::to_string(i), "");
  EXPECT_FALSE(ParseMultipart(many + end, "xx").ok());
  EXPECT_FALSE(ParseMultipart(end, "").ok());
  EXPECT_FALSE(ParseMultipart(end, std::string(71, 'x')).ok());
}

std::string Spec(const std::string& tasks) {
  return "apiVersion: remuda/v1\nkind: Job\nmetadata: {name: t}\n"
         "spec:\n  type: noop\n" +
         (tasks.empty() ? "" : "  tasks: " + tasks + "\n");
}

Problem ProblemIn(const std::string& body, const std::string& type) {
  const auto read = ReadSpecBody(body, type);
  if (const auto* problem = std::get_if<Problem>(&read)) return *problem;
  ADD_FAILURE() << "there is no problem";
  return {};
}

TEST(SpecBodyTest, IsYamlOrParts) {
  EXPECT_EQ(SpecBodyBytesMax("application/yaml"), kSpecBytesMax);
  EXPECT_EQ(SpecBodyBytesMax("Application/YAML; charset=utf-8"), kSpecBytesMax);
  EXPECT_GT(SpecBodyBytesMax(kType), kSentBytesMax);
  EXPECT_EQ(SpecBodyBytesMax("application/json"), 0u);
  EXPECT_EQ(SpecBodyBytesMax(""), 0u);

  const auto plain = ReadSpecBody(Spec(""), "application/yaml");
  EXPECT_EQ(std::get<std::vector<ResolvedJob>>(plain).size(), 1u);
  const auto parts =
      ReadSpecBody(Part("spec", Spec("{lines: a.txt}")) +
                       Part("a.txt", "one\ntwo\n") + "--xx--\r\n",
                   kType);
  const auto& jobs = std::get<std::vector<ResolvedJob>>(parts);
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].items.bytes(), "\"one\"\n\"two\"\n");
}

TEST(SpecBodyTest, ErrorsHaveTheirPlaces) {
  const Problem problem =
      ProblemIn(Spec("") + "  concurency: 3\n", "application/yaml");
  EXPECT_EQ(problem.status, 400);
  ASSERT_EQ(problem.errors.size(), 1u);
  EXPECT_EQ(problem.errors[0].line, 6);
  EXPECT_EQ(problem.errors[0].column, 3);
  EXPECT_NE(problem.errors[0].message.find("concurrency"), std::string::npos);
}

TEST(SpecBodyTest, SaysWhatWasNotSent) {
  const Problem missing =
      ProblemIn(Spec("{lines: urls.txt}"), "application/yaml");
  ASSERT_EQ(missing.errors.size(), 1u);
  EXPECT_NE(missing.errors[0].message.find("'urls.txt' was not sent"),
            std::string::npos);
  EXPECT_NE(ProblemIn(Part("a", "1") + "--xx--", kType).detail.find("'spec'"),
            std::string::npos);
  EXPECT_NE(ProblemIn(Part("spec", Spec("")) + Part("x", "1") + "--xx--", kType)
                .detail.find("'x'"),
            std::string::npos);
  EXPECT_EQ(
      ProblemIn(Part("spec", std::string(kSpecBytesMax + 1, '#')) + "--xx--",
                kType)
          .status,
      413);
}

}  // namespace
}  // namespace remuda

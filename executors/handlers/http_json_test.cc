#include "executors/handlers/http_json.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace remuda {
namespace {

std::string FetchError(const std::string& parameters) {
  return std::string(ParseFetchParameters(parameters).status().message());
}

TEST(HttpJsonTest, FetchDefaults) {
  const auto fetch = ParseFetchParameters(R"({"url": "http://x/"})");
  ASSERT_TRUE(fetch.ok());
  EXPECT_EQ(fetch->request.url, "http://x/");
  EXPECT_EQ(fetch->request.method, "GET");
  EXPECT_EQ(fetch->request.bytes_max, 8u << 20);
  EXPECT_TRUE(fetch->request.follow);
  EXPECT_FALSE(fetch->request.body.has_value());
  EXPECT_EQ(fetch->fail_on, 400);
}

TEST(HttpJsonTest, ABodyMakesItAPost) {
  EXPECT_EQ(ParseFetchParameters(R"({"url": "u", "body": ""})")->request.method,
            "POST");
  EXPECT_EQ(
      ParseFetchParameters(R"({"url": "u", "body": "x", "method": "PATCH"})")
          ->request.method,
      "PATCH");
}

TEST(HttpJsonTest, ErrorsNameTheParameter) {
  EXPECT_EQ(FetchError("7"), "the parameters are not a map");
  EXPECT_EQ(FetchError("{}"), "`url` is missing");
  EXPECT_EQ(FetchError(R"({"url": 5})"), "`url` must be text");
  EXPECT_EQ(FetchError(R"({"url": "u", "follow": "no"})"),
            "`follow` must be true or false");
  EXPECT_EQ(FetchError(R"({"url": "u", "max_bytes": 0})"),
            "`max_bytes` must be a whole number from 1 to 268435456");
  EXPECT_EQ(FetchError(R"({"url": "u", "headers": []})"),
            "`headers` must be a map");
  EXPECT_EQ(std::string(ParseCrawlParameters(R"({"url":"u","links_max":101})")
                            .status()
                            .message()),
            "`links_max` must be a whole number from 0 to 100");
}

TEST(HttpJsonTest, CrawlOutputIsJsonWhateverThePageHolds) {
  HtmlPage page;
  EXPECT_EQ(CrawlOutput("u", 200, 0, page),
            R"({"url":"u","status":200,"bytes":0,"title":null,"links":[]})");
  page.title = "a\"\xff";
  page.links = {"http://x/"};
  EXPECT_EQ(CrawlOutput("u", 200, 1, page),
            "{\"url\":\"u\",\"status\":200,\"bytes\":1,"
            "\"title\":\"a\\\"\xEF\xBF\xBD\",\"links\":[\"http://x/\"]}");
}

HttpResponse ResponseOf(const std::string& body) {
  return {.url = "http://x/\"",
          .status = 200,
          .content_type = "text/html\xff",
          .body = body,
          .bytes_in = 0,
          .bytes_out = 0,
          .held = ByteLease(std::make_shared<ByteLease::Budget>(0))};
}

std::string Base64Of(const std::string& body) {
  const std::string output = FetchOutput(ResponseOf(body));
  const size_t begin = output.find("base64\":\"") + 9;
  return output.substr(begin, output.find('"', begin) - begin);
}

TEST(HttpJsonTest, ABodyIsTheLastAndComesBack) {
  for (const std::string& body :
       {std::string(), std::string("<a href=\"x\">h\xc3\xbcte</a>\n\t\\\0", 25),
        std::string(5'000, '"')}) {
    nlohmann::ordered_json expected;
    expected["url"] = "http://x/\"";
    expected["status"] = 200;
    expected["bytes"] = body.size();
    expected["content_type"] = "text/html\xEF\xBF\xBD";
    expected["body"] = body;
    EXPECT_EQ(FetchOutput(ResponseOf(body)), expected.dump());
  }
}

TEST(HttpJsonTest, Base64) {
  EXPECT_EQ(Base64Of("\xff"), "/w==");
  EXPECT_EQ(Base64Of("\xff\xfe"), "//4=");
  EXPECT_EQ(Base64Of("\xff\xfe\xfd"), "//79");
  EXPECT_EQ(Base64Of("\xff\xfe\xfd\xfc"), "//79/A==");
}

}  // namespace
}  // namespace remuda

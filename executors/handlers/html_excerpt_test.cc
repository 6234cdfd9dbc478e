#include "executors/handlers/html_excerpt.h"

#include <string>

#include "gtest/gtest.h"

namespace remuda {
namespace {

TEST(HtmlExcerptTest, KeepsTitleBaseAndLinks) {
  EXPECT_EQ(
      HtmlExcerpt("<!doctype html><html><head><TITLE x=y>a &amp; b</Title>"
                  "<base href=/b/></head><body class=c><p>1 < 2"
                  "<A class=x HREF='u'>text</A><area href=v>"),
      "<title>a &amp; b</title><base href=/b/><area class=x HREF='u'>"
      "<area href=v>");
}

TEST(HtmlExcerptTest, QuotesCountOnlyInValues) {
  EXPECT_EQ(HtmlExcerpt("<a title='>' href=1><a title=\">\" href=2>"),
            "<area title='>' href=1><area title=\">\" href=2>");
  EXPECT_EQ(HtmlExcerpt("<a x' href=1><a b='c' href=2>"),
            "<area x' href=1><area b='c' href=2>");
  EXPECT_EQ(HtmlExcerpt("<a href = \n 'u v' >"), "<area href = \n 'u v' >");
  EXPECT_EQ(HtmlExcerpt("<a href=><a href=2>"), "<area href=><area href=2>");
  EXPECT_EQ(HtmlExcerpt("<a href='never ends><a href=2>"), "");
}

TEST(HtmlExcerptTest, TextIsNotMarkup) {
  EXPECT_EQ(HtmlExcerpt("<script>'<a href=1>' </scriptx></script ><a href=2>"),
            "<area href=2>");
  EXPECT_EQ(HtmlExcerpt("<style><a href=1></STYLE><a href=2>"),
            "<area href=2>");
  EXPECT_EQ(HtmlExcerpt("<textarea><a href=1></textarea><a href=2>"),
            "<area href=2>");
  EXPECT_EQ(HtmlExcerpt("<plaintext><a href=1>"), "");
  EXPECT_EQ(HtmlExcerpt("<title>a<b></title></title>"), "<title>a<b></title>");
  EXPECT_EQ(HtmlExcerpt("<title>open"), "<title>open</title>");
}

TEST(HtmlExcerptTest, CommentsAndDeclarations) {
  EXPECT_EQ(HtmlExcerpt("<!-- <a href=1> --><a href=2>"), "<area href=2>");
  EXPECT_EQ(HtmlExcerpt("<!--><a href=2>"), "<area href=2>");
  EXPECT_EQ(HtmlExcerpt("<!---><a href=2>"), "<area href=2>");
  EXPECT_EQ(HtmlExcerpt("<!-- x --!><a href=2>"), "<area href=2>");
  EXPECT_EQ(HtmlExcerpt("<!-- <a href=1> -- >"), "");
  EXPECT_EQ(HtmlExcerpt("<?php <a href=2>"), "");
  EXPECT_EQ(HtmlExcerpt("</ <a href=1><a href=2>"), "<area href=2>");
}

TEST(HtmlExcerptTest, ForeignTitlesAndLinksAreNotHtml) {
  EXPECT_EQ(HtmlExcerpt("<svg><title>s</title><a href=1>x</a></svg>"
                        "<title>h</title><a href=2>"),
            "<title>h</title><area href=2>");
  EXPECT_EQ(HtmlExcerpt("<svg/><a href=2>"), "<area href=2>");
  EXPECT_EQ(HtmlExcerpt("<svg><path><div><a href=2>"), "<area href=2>");
  EXPECT_EQ(HtmlExcerpt("<svg><![CDATA[<p><a href=1>]]></svg><a href=2>"),
            "<area href=2>");
}

}  // namespace
}  // namespace remuda

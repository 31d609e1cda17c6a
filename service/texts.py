"""The words of the pages, in both languages: the only place where they are."""

from __future__ import annotations

from collections.abc import Mapping

from service.domain import Language

TEXTS: Mapping[str, Mapping[str, str]] = {
    # Every page
    "site": {"en": "Pointmark", "zh": "Pointmark"},
    "skip": {"en": "Skip to the content", "zh": "跳到正文"},
    "nav": {"en": "Main", "zh": "主导航"},
    "nav.questions": {"en": "Questions", "zh": "题目"},
    "nav.history": {"en": "My history", "zh": "我的记录"},
    "nav.docs": {"en": "API", "zh": "接口文档"},
    "nav.language": {"en": "Language", "zh": "语言"},
    # List
    "list.title": {"en": "Practise", "zh": "练习"},
    "list.lead": {
        "en": "Pick a question, answer in your own words, and see which points you made.",
        "zh": "选一道题，用自己的话作答，看看答到了哪些要点。",
    },
    "list.filter": {"en": "Choose questions", "zh": "筛选题目"},
    "list.topic": {"en": "Topic", "zh": "主题"},
    "list.difficulty": {"en": "Difficulty", "zh": "难度"},
    "list.any": {"en": "Any", "zh": "不限"},
    "list.show": {"en": "Show", "zh": "筛选"},
    "list.draw": {"en": "Draw one at random", "zh": "随机抽一题"},
    "list.none": {
        "en": "No question fits. Choose another topic or difficulty.",
        "zh": "没有符合条件的题目。请换一个主题或难度。",
    },
    "list.more": {"en": "More questions", "zh": "更多题目"},
    "difficulty": {"en": "difficulty {level} of 5", "zh": "难度 {level}/5"},
    # Question
    "answer.label": {"en": "Your answer", "zh": "你的回答"},
    "answer.help": {
        "en": "English or Chinese. Full sentences are understood best. Ctrl+Enter sends it.",
        "zh": "中文或英文均可，完整的句子最容易判准。按 Ctrl+Enter 提交。",
    },
    "answer.send": {"en": "Mark my answer", "zh": "提交评分"},
    "answer.sending": {"en": "Marking…", "zh": "正在评分…"},
    "answer.count": {
        "en": "{chars} of {most} characters, {sentences} sentences",
        "zh": "{chars}/{most} 字，{sentences} 句",
    },
    "answer.saved": {"en": "Saved in this browser.", "zh": "已保存在本浏览器中。"},
    "answer.restored": {
        "en": "Your unsent text was kept in this browser; here it is.",
        "zh": "你未提交的文字保存在本浏览器中，已恢复。",
    },
    "answer.offline": {
        "en": "The service cannot be reached. Your text is safe in this browser; send it again "
        "when you are connected.",
        "zh": "连不上服务。你的文字已保存在本浏览器中，连上之后请再提交。",
    },
    "answer.too_long": {
        "en": "This answer has {n} characters; at most {most} are accepted. Shorten it and send "
        "it again.",
        "zh": "这个回答有 {n} 个字，最多 {most} 个。请删短后再提交。",
    },
    "answer.unstorable": {
        "en": "This answer holds a character that cannot be stored. Remove it and send it again.",
        "zh": "这个回答含有无法保存的字符。请删去后再提交。",
    },
    "answer.expired": {
        "en": "This form was not recognised: it is old, or cookies are blocked. Your text is "
        "still here; please send it again.",
        "zh": "无法识别这个表单：可能已过期，或浏览器禁用了 Cookie。文字还在，请再提交一次。",
    },
    "answer.too_often": {
        "en": "That was a lot of answers in a short time. Your text is still here; send it again "
        "in {seconds} seconds.",
        "zh": "短时间内提交太多了。文字还在，请 {seconds} 秒后再提交。",
    },
    "earlier": {"en": "Your earlier attempts", "zh": "你以前的作答"},
    # Result
    "result.title": {"en": "Your result", "zh": "评分结果"},
    "result.score": {"en": "Score", "zh": "得分"},
    "result.of": {"en": "of 100", "zh": "满分 100"},
    "result.doubt": {
        "en": "A person's mark would be about {error} points away from this on average.",
        "zh": "与人工评分平均相差约 {error} 分。",
    },
    "result.review": {
        "en": "The grader is unsure about this answer: a person should look at it.",
        "zh": "评分器对这个回答没有把握，最好由人来看一看。",
    },
    "result.person": {"en": "Marked by a person.", "zh": "由人工评分。"},
    "result.points": {"en": "Points", "zh": "要点"},
    "result.points_help": {
        "en": "Move to a point, or tap it, to see where in your answer it was found.",
        "zh": "移到或点按一个要点，即可看到它在回答中的出处。",
    },
    "result.answer": {"en": "Your answer", "zh": "你的回答"},
    "result.blank": {"en": "Nothing was written.", "zh": "没有作答。"},
    "result.found": {"en": "Found in:", "zh": "出处："},
    "result.hint": {"en": "Hint:", "zh": "提示："},
    "result.show_point": {"en": "Show the point", "zh": "查看要点"},
    "result.optional": {"en": "extra", "zh": "加分项"},
    "result.hidden": {
        "en": "The points of this question are not shown.",
        "zh": "本题不公开要点。",
    },
    "result.wrong": {"en": "Worth another look", "zh": "值得再想一想"},
    "result.wrong_hidden": {
        "en": "Something here may be mistaken.",
        "zh": "这里可能有误。",
    },
    "result.flags": {"en": "Remarks", "zh": "说明"},
    "result.again": {"en": "Try again with this text", "zh": "在此基础上再答一次"},
    "result.next": {"en": "Another question", "zh": "换一题"},
    "point": {"en": "Point {number}", "zh": "要点 {number}"},
    "verdict.covered": {"en": "covered", "zh": "答到"},
    "verdict.partial": {"en": "partly covered", "zh": "部分答到"},
    "verdict.missing": {"en": "missing", "zh": "没有答到"},
    "verdict.contradicted": {"en": "the opposite was said", "zh": "说反了"},
    "flag.blank": {"en": "No answer was written.", "zh": "没有作答。"},
    "flag.too_short": {
        "en": "The answer is very short: there is little to judge by.",
        "zh": "回答很短，可判断的内容不多。",
    },
    "flag.off_topic": {
        "en": "The answer seems to be about something else.",
        "zh": "回答似乎与题目无关。",
    },
    "flag.copied_prompt": {
        "en": "Much of the answer repeats the question, which earns nothing.",
        "zh": "回答中有很多是重复题目，不计分。",
    },
    "flag.keyword_list": {
        "en": "The answer is a list of words rather than sentences.",
        "zh": "回答更像罗列关键词，而不是句子。",
    },
    "flag.repeated_text": {
        "en": "The answer says the same thing several times; it counts once.",
        "zh": "回答中有重复内容，只计一次。",
    },
    "flag.contradiction": {
        "en": "The answer says the opposite of a point.",
        "zh": "回答中有与要点相反的说法。",
    },
    "flag.low_confidence": {
        "en": "The grader is unsure about this answer.",
        "zh": "评分器对这个回答没有把握。",
    },
    "flag.unreadable_text": {
        "en": "Much of the answer is in a script that the grader cannot read.",
        "zh": "回答中很多文字是评分器读不懂的。",
    },
    # History
    "history.title": {"en": "My history", "zh": "我的记录"},
    "history.lead": {
        "en": "Answers sent from this browser. Nobody else's page shows them.",
        "zh": "从本浏览器提交的回答，不会显示在别人的页面上。",
    },
    "history.none": {"en": "Nothing yet.", "zh": "还没有记录。"},
    "history.question": {"en": "Question", "zh": "题目"},
    "history.when": {"en": "When (UTC)", "zh": "时间（UTC）"},
    "history.older": {"en": "Older answers", "zh": "更早的回答"},
    "history.erase": {"en": "Erase my history", "zh": "清除我的记录"},
    "history.erase_help": {
        "en": "Your answers and what was said of them are deleted for good, here and on the "
        "server. Scores stay without a name, for statistics.",
        "zh": "你的回答和对它们的评语会从本浏览器和服务器上永久删除。得分会匿名保留，用于统计。",
    },
    "history.sure": {"en": "Yes, erase all of it", "zh": "确认全部清除"},
    "history.erased": {"en": "Your history was erased.", "zh": "你的记录已清除。"},
    "history.refused": {
        "en": "This form was not recognised. Nothing was erased; please try again.",
        "zh": "无法识别这个表单，没有清除任何内容。请再试一次。",
    },
    # When something is in the way
    "wait.title": {"en": "The grader is getting ready", "zh": "评分器正在准备"},
    "wait.text": {
        "en": "It is loading its language model, which takes some seconds. Your answer is kept and "
        "is sent again by itself.",
        "zh": "正在加载语言模型，需要几秒钟。你的回答已保留，会自动重新提交。",
    },
    "wait.again": {"en": "Send it again now", "zh": "现在重新提交"},
    "missing.title": {"en": "There is no such page", "zh": "没有这个页面"},
    "missing.text": {
        "en": "The question may have been taken out of service, or the address has a slip in it.",
        "zh": "这道题可能已下线，或者网址有误。",
    },
    "away.title": {"en": "The database does not answer", "zh": "数据库没有响应"},
    "away.text": {
        "en": "This page tries again by itself. What you wrote is kept in this browser.",
        "zh": "本页会自动重试。你写的内容保存在本浏览器中。",
    },
    "large.title": {"en": "That was too much text", "zh": "文字太多"},
    "large.text": {
        "en": "Go back: what you wrote is kept in this browser. Shorten it and send it again.",
        "zh": "请返回：你写的内容保存在本浏览器中。删短后再提交。",
    },
    "bad.title": {"en": "This address cannot be used", "zh": "无法使用这个网址"},
    "bad.text": {
        "en": "Something in it is not as the pages write it. Begin again at the questions.",
        "zh": "其中有不是本站写出的内容。请从题目列表重新开始。",
    },
    "back": {"en": "To the questions", "zh": "回到题目列表"},
    "off.text": {
        "en": "This service is used through its API.",
        "zh": "本服务通过接口使用。",
    },
    "off.docs": {"en": "API documentation", "zh": "接口文档"},
    # Session
    "sitting.title": {"en": "Your questions", "zh": "你的题目"},
    "sitting.overview": {"en": "Overview", "zh": "总览"},
    "sitting.rule_questions": {"en": "Number of questions: {n}.", "zh": "共 {n} 题。"},
    "sitting.rule_time": {
        "en": "Time: {minutes} minutes from the start, for all questions together. It does not "
        "stop when you close the page.",
        "zh": "时间：从开始起 {minutes} 分钟，所有题目合计。关闭页面也会继续计时。",
    },
    "sitting.rule_closes": {
        "en": "No answer is taken any more after:",
        "zh": "此时间之后不再接受回答：",
    },
    "sitting.rule_attempts": {
        "en": "Attempts for each question: {n}. The last one counts.",
        "zh": "每题可作答 {n} 次，以最后一次为准。",
    },
    "sitting.rule_text": {
        "en": "What you write is kept in this browser until you send it. Send each answer.",
        "zh": "你写的内容在提交前保存在本浏览器中。每题都要提交。",
    },
    "sitting.feedback.never": {
        "en": "Marks are not shown here.",
        "zh": "这里不显示得分。",
    },
    "sitting.feedback.after_answer": {
        "en": "Marks are shown after each answer.",
        "zh": "每次作答后显示得分。",
    },
    "sitting.feedback.after_finish": {
        "en": "Marks are shown at the end.",
        "zh": "结束后显示得分。",
    },
    "sitting.opens": {
        "en": "It is not open yet. Come back at:",
        "zh": "尚未开放，请在此时间再来：",
    },
    "sitting.start": {"en": "Start", "zh": "开始"},
    "sitting.left": {"en": "Time left:", "zh": "剩余时间："},
    "sitting.left_none": {"en": "Time is up", "zh": "时间到"},
    "sitting.left_soon": {
        "en": "Minutes left: {minutes}. Send what you have written.",
        "zh": "还剩 {minutes} 分钟。请提交已写的内容。",
    },
    "sitting.closes": {"en": "Answers are taken until", "zh": "作答截止时间"},
    "sitting.state.finished": {
        "en": "You have finished. Thank you; no more answers are taken.",
        "zh": "你已完成作答，谢谢。不再接受回答。",
    },
    "sitting.state.expired": {
        "en": "The time has run out. Answers that came in time are kept; no more are taken.",
        "zh": "时间已到。按时提交的回答均已保存，不再接受新的回答。",
    },
    "sitting.state.cancelled": {
        "en": "This session was cancelled by whoever invited you; ask them what comes next. "
        "Answers that you sent are kept.",
        "zh": "邀请方已取消本次答题，请向对方询问后续安排。已提交的回答均已保存。",
    },
    "sitting.report": {"en": "See the report", "zh": "查看报告"},
    "sitting.answered": {"en": "Answered.", "zh": "已作答。"},
    "sitting.attempts_left": {"en": "Attempts left: {n}.", "zh": "还可作答 {n} 次。"},
    "sitting.answers": {"en": "Your answers to this question", "zh": "你对本题的回答"},
    "sitting.send": {"en": "Send my answer", "zh": "提交回答"},
    "sitting.sending": {"en": "Sending…", "zh": "正在提交…"},
    "sitting.sent": {"en": "Your answer has arrived", "zh": "已收到你的回答"},
    "sitting.next": {"en": "On to question {number}", "zh": "继续第 {number} 题"},
    "sitting.finish": {"en": "Finish…", "zh": "结束作答…"},
    "sitting.finish_help": {
        "en": "Questions without an answer: {open}. Once finished, no more answers are taken.",
        "zh": "未作答的题目：{open}。结束后不再接受回答。",
    },
    "sitting.sure": {"en": "Yes, finish", "zh": "确认结束"},
    "sitting.refused": {
        "en": "This form was not recognised. Nothing was changed; please try again.",
        "zh": "无法识别这个表单，没有任何变动。请再试一次。",
    },
    "stop.kept": {
        "en": "What you wrote (copy it if you still need it)",
        "zh": "你写的内容（如需保留请复制）",
    },
    "stop.nobody.title": {
        "en": "This needs a link that works",
        "zh": "需要有效的链接",
    },
    "stop.nobody.text": {
        "en": "The link has run out or is incomplete, or cookies are blocked. Open the link of "
        "your invitation again, or ask whoever invited you for a new one; answers that you sent "
        "are kept.",
        "zh": "链接已过期或不完整，或者浏览器禁用了 Cookie。请重新打开邀请链接，"
        "或向邀请方索取新链接；已提交的回答均已保存。",
    },
    "stop.over.title": {
        "en": "This answer was not taken",
        "zh": "这个回答未被接受",
    },
    "stop.over.text": {
        "en": "The session had ended when it came. If that was not your doing, tell whoever "
        "invited you and send them your text.",
        "zh": "提交时答题已经结束。如果不是你的原因，请联系邀请方并附上你写的内容。",
    },
    "stop.early.title": {"en": "It has not begun yet", "zh": "尚未开始"},
    "stop.early.text": {
        "en": "Start on the overview, then send this answer.",
        "zh": "请先在总览页开始，再提交这个回答。",
    },
    "stop.used_up.title": {
        "en": "This question was answered as often as is allowed",
        "zh": "本题作答次数已用完",
    },
    "stop.used_up.text": {
        "en": "This answer was not taken; the last one before it counts. Go on with another "
        "question.",
        "zh": "这个回答未被接受，以上一次提交的为准。请继续作答其他题目。",
    },
    "stop.missing.title": {"en": "There is no such page", "zh": "没有这个页面"},
    "stop.missing.text": {
        "en": "Your session has no such question, answer or report. Go on at the overview.",
        "zh": "你的答题中没有这道题、这个回答或报告。请从总览页继续。",
    },
    "stop.refused.title": {
        "en": "This form was not recognised",
        "zh": "无法识别这个表单",
    },
    "stop.refused.text": {
        "en": "It is old, or belongs to another session. Go to the overview and send it from "
        "there.",
        "zh": "它可能已过期，或属于另一次答题。请从总览页重新提交。",
    },
    "stop.away.title": {"en": "The database does not answer", "zh": "数据库没有响应"},
    "stop.away.text": {
        "en": "Reload this page in a few seconds: your answer is sent again, and counts once.",
        "zh": "请几秒后刷新本页：回答会重新提交，只计一次。",
    },
    "stop.large.title": {"en": "That was too much text", "zh": "文字太多"},
    "stop.large.text": {
        "en": "Go back: what you wrote is kept in this browser. Shorten it and send it again.",
        "zh": "请返回：你写的内容保存在本浏览器中。删短后再提交。",
    },
    # Review
    "review.title": {"en": "Review", "zh": "复核"},
    "review.sign_in": {"en": "Sign in", "zh": "登录"},
    "review.lead": {
        "en": "With an API key and your own name, which your reviews will carry. Reviewing needs a "
        "key with the scope review.",
        "zh": "请用接口密钥和你自己的名字登录，名字会记在你的复核里。"
        "复核需要具有 review 权限的密钥。",
    },
    "review.key": {"en": "API key", "zh": "接口密钥"},
    "review.name": {"en": "Your name", "zh": "你的名字"},
    "review.enter": {"en": "Sign in", "zh": "登录"},
    "review.leave": {"en": "Sign out", "zh": "退出"},
    "review.as": {"en": "Signed in as {name}", "zh": "当前用户：{name}"},
    "review.form": {
        "en": "This form was not recognised: it is old, or cookies are blocked. What you typed is "
        "still here; please send it again.",
        "zh": "无法识别这个表单：可能已过期，或浏览器禁用了 Cookie。内容还在，请再提交一次。",
    },
    "review.bad_name": {
        "en": "Give your name: 1 to 255 characters.",
        "zh": "请填写名字，1 到 255 个字。",
    },
    "review.bad_key": {
        "en": "This API key is unknown or was revoked.",
        "zh": "接口密钥不存在或已被吊销。",
    },
    "review.no_scope": {
        "en": "This API key may not review. Ask an admin for one with the scope review.",
        "zh": "这个接口密钥没有复核权限。请向管理员索取具有 review 权限的密钥。",
    },
    "review.too_often": {
        "en": "Too many tries to sign in. Try again in {seconds} seconds.",
        "zh": "登录尝试过多，请 {seconds} 秒后再试。",
    },
    "review.signed_out": {
        "en": "Your sign-in has run out, or your key was revoked. Sign in again: nothing that you "
        "typed is lost.",
        "zh": "登录已过期，或密钥已被吊销。请重新登录，已填写的内容不会丢失。",
    },
    "review.welcome_back": {
        "en": "You are signed in again. What you wrote is still here: look at it and send it.",
        "zh": "你已重新登录。填写的内容还在，请看一看再提交。",
    },
    "review.kept": {
        "en": "What you typed is kept and comes back once you are signed in.",
        "zh": "已填写的内容会保留，登录后恢复。",
    },
    "review.filter": {"en": "Choose answers", "zh": "筛选回答"},
    "review.state": {"en": "State", "zh": "状态"},
    "review.state.waiting": {"en": "waiting", "zh": "待复核"},
    "review.state.claimed": {"en": "claimed", "zh": "已领取"},
    "review.state.done": {"en": "reviewed", "zh": "已复核"},
    "review.question": {"en": "Question (slug)", "zh": "题目（代号）"},
    "review.reason": {"en": "Why it waits", "zh": "复核原因"},
    "review.reason.doubt": {"en": "doubt", "zh": "存疑"},
    "review.reason.appeal": {"en": "appeal", "zh": "申诉"},
    "review.reason.sample": {"en": "random sample", "zh": "随机抽查"},
    "review.flag": {"en": "Flag", "zh": "标记"},
    "review.language": {"en": "Language of the answer", "zh": "回答语言"},
    "review.order": {"en": "Order", "zh": "顺序"},
    "review.order.oldest": {"en": "oldest first", "zh": "最早的在前"},
    "review.order.most_uncertain": {"en": "most uncertain first", "zh": "最没把握的在前"},
    "review.next": {"en": "Review the next", "zh": "复核下一个"},
    "review.none": {"en": "Nothing here.", "zh": "这里没有内容。"},
    "review.empty": {
        "en": "Nothing that fits is left for you.",
        "zh": "没有符合条件的待复核回答了。",
    },
    "review.unknown": {"en": "There is no such question.", "zh": "没有这道题。"},
    "review.age": {"en": "Since", "zh": "距今"},
    "review.minutes": {"en": "{n} min", "zh": "{n} 分钟"},
    "review.hours": {"en": "{n} h", "zh": "{n} 小时"},
    "review.days": {"en": "{n} d", "zh": "{n} 天"},
    "review.held": {"en": "Claimed by", "zh": "领取人"},
    "review.free": {"en": "nobody", "zh": "无"},
    "review.more": {"en": "More", "zh": "更多"},
    "review.agreement": {"en": "Agreement so far", "zh": "目前的一致程度"},
    "review.agreement_all": {"en": "Of all reviews", "zh": "全部复核"},
    "review.agreement_sampled": {"en": "Of the random sample alone", "zh": "仅随机抽查"},
    "review.agreement_help": {
        "en": "Answers come to people because of doubts, so over all reviews the grader looks "
        "worse than it is.",
        "zh": "送到人手里的多是存疑的回答，所以按全部复核来看，评分器显得比实际差。",
    },
    "review.reviews": {"en": "Reviews", "zh": "复核数"},
    "review.error": {"en": "Mean difference", "zh": "平均相差"},
    "review.bias": {"en": "Grader less reviewer", "zh": "评分器减人工"},
    "review.answer": {"en": "The answer", "zh": "回答"},
    "review.appeal": {"en": "The candidate's appeal", "zh": "答题人的申诉"},
    "review.verdict": {"en": "Your verdict on point {number}", "zh": "你对要点 {number} 的判断"},
    "review.open": {"en": "leave to the grader", "zh": "交给评分器"},
    "review.keys": {
        "en": "Keys: 1 to 9 change the verdict of a point, R leads to the reason, Enter saves "
        "(in the reason Ctrl+Enter).",
        "zh": "快捷键：1 到 9 切换要点的判断，R 跳到理由，Enter 保存（理由框内用 Ctrl+Enter）。",
    },
    "review.why": {"en": "Your reason", "zh": "你的理由"},
    "review.why_help": {
        "en": "The platform may show it to the candidate.",
        "zh": "平台可能会把它给答题人看。",
    },
    "review.save": {"en": "Save the review", "zh": "保存复核"},
    "review.give_back": {"en": "Give it back", "zh": "放回队列"},
    "review.claim": {"en": "Claim it", "zh": "领取"},
    "review.claim_again": {"en": "Keep it longer", "zh": "延长领取"},
    "review.not_held": {
        "en": "You do not hold this answer: others may review it meanwhile.",
        "zh": "你没有领取这个回答，别人可能同时在复核。",
    },
    "review.held_until": {
        "en": "Yours until {until} (UTC).",
        "zh": "由你领取，至 {until}（UTC）。",
    },
    "review.blind": {
        "en": "You judge blind: the grader's opinion and earlier reviews are shown once you saved.",
        "zh": "盲评：保存之后才显示评分器的意见和以前的复核。",
    },
    "review.show": {"en": "Show them now", "zh": "现在显示"},
    "review.hide": {"en": "Hide the grader's opinion", "zh": "隐藏评分器的意见"},
    "review.similar": {"en": "Similar answers that wait", "zh": "待复核的相似回答"},
    "review.claimed": {
        "en": "Another reviewer holds this answer for about {minutes} more minutes. What you "
        "wrote is still here.",
        "zh": "另一位复核人正在处理这个回答，还有约 {minutes} 分钟。填写的内容还在。",
    },
    "review.erased": {
        "en": "The candidate was erased: there is no answer left to judge.",
        "zh": "答题人的数据已清除，没有可复核的回答了。",
    },
    "review.meanwhile": {
        "en": "Somebody reviewed this meanwhile. What you wrote is still here; if you send it "
        "again, it stands after theirs.",
        "zh": "别人刚刚复核了它。填写的内容还在；如果再次提交，将以你的为准。",
    },
    "review.meanwhile_group": {
        "en": "One of the chosen answers was reviewed meanwhile. Nothing was saved; choose again.",
        "zh": "选中的回答里有一个刚被复核，没有保存。请重新选择。",
    },
    "review.no_verdict": {
        "en": "Give a verdict on at least one point.",
        "zh": "请至少对一个要点作出判断。",
    },
    "review.bad_reason": {
        "en": "Give a reason of 1 to 5,000 characters.",
        "zh": "请填写理由，1 到 5000 个字。",
    },
    "review.bad_point": {
        "en": "The question was changed meanwhile. Look at the points again.",
        "zh": "题目刚刚有改动，请重新看一看要点。",
    },
    "review.none_chosen": {
        "en": "Choose 1 to 100 answers, each once and of this question.",
        "zh": "请选择 1 到 100 个本题的回答，不要重复。",
    },
    "review.done": {"en": "Your review is saved", "zh": "复核已保存"},
    "review.grader": {"en": "Grader", "zh": "评分器"},
    "review.you": {"en": "You", "zh": "你"},
    "review.flags": {"en": "The grader's remarks", "zh": "评分器的说明"},
    "review.history": {"en": "All reviews of this answer", "zh": "这个回答的全部复核"},
    "review.reviewer": {"en": "Reviewer", "zh": "复核人"},
    "review.grouped": {"en": "given to several answers", "zh": "批量复核"},
    "review.again": {"en": "Send it again", "zh": "再次提交"},
    "review.yours": {"en": "Your verdicts", "zh": "你的判断"},
    "review.similarity": {"en": "How alike", "zh": "相似程度"},
    "review.group": {"en": "Group {number} of {count}", "zh": "第 {number} 组，共 {count} 组"},
    "review.next_group": {"en": "Next group", "zh": "下一组"},
    "review.alike": {"en": "alike: {percent}%", "zh": "相似度 {percent}%"},
    "review.save_group": {
        "en": "Save the review for the chosen answers",
        "zh": "为选中的回答保存复核",
    },
    "review.saved": {"en": "Answers reviewed: {n}.", "zh": "已复核 {n} 个回答。"},
    "review.away_typed": {
        "en": "The database does not answer. Nothing was saved yet; what you wrote is here: send "
        "it again in a moment.",
        "zh": "数据库没有响应，还没有保存。填写的内容在这里，请稍后再次提交。",
    },
    "review.missing.title": {"en": "There is no such answer", "zh": "没有这个回答"},
    "review.missing.text": {
        "en": "It may have been erased, or the address has a slip in it.",
        "zh": "它可能已被清除，或者网址有误。",
    },
    "review.bad.title": {"en": "This address cannot be used here", "zh": "这里无法使用这个网址"},
    "review.bad.text": {
        "en": "Something in it is not as the pages write it. Begin again at the queue.",
        "zh": "其中有不是本站写出的内容。请从队列重新开始。",
    },
    "review.away.title": {"en": "The database is away", "zh": "数据库暂时没有响应"},
    "review.away.text": {"en": "Try again in a moment.", "zh": "请稍后再试。"},
    "review.large.title": {"en": "That was too much to read", "zh": "内容太多"},
    "review.large.text": {
        "en": "Go back: your browser still has what you wrote. Shorten it and send it again.",
        "zh": "请返回：浏览器里还有你写的内容。删短后再提交。",
    },
    "review.back": {"en": "To the queue", "zh": "回到队列"},
    # Session report
    "report.title": {"en": "Session report", "zh": "答题报告"},
    "report.candidate": {"en": "Candidate", "zh": "答题人"},
    "report.state": {"en": "State", "zh": "状态"},
    "report.state.created": {"en": "not started", "zh": "未开始"},
    "report.state.started": {"en": "under way", "zh": "进行中"},
    "report.state.finished": {"en": "finished", "zh": "已完成"},
    "report.state.expired": {"en": "time ran out", "zh": "已超时"},
    "report.state.cancelled": {"en": "cancelled", "zh": "已取消"},
    "report.started": {"en": "Started", "zh": "开始时间"},
    "report.finished": {"en": "Finished", "zh": "完成时间"},
    "report.made": {"en": "Report of", "zh": "报告时间"},
    "report.score": {"en": "Total score", "zh": "总分"},
    "report.topics": {"en": "By topic", "zh": "按主题"},
    "report.topic": {"en": "Topic", "zh": "主题"},
    "report.questions": {"en": "By question", "zh": "按题目"},
    "report.question": {"en": "Question {number}", "zh": "第 {number} 题"},
    "report.attempts": {
        "en": "Attempts: {n}; the last one counts.",
        "zh": "共作答 {n} 次，以最后一次为准。",
    },
    "report.unanswered": {"en": "Not answered.", "zh": "未作答。"},
    "report.answer": {"en": "Answer", "zh": "回答"},
    "report.note": {
        "en": "Marks by the grader are an aid to a person's judgement. They compare sentences and "
        "do not follow reasoning.",
        "zh": "评分器的分数仅供人工判断参考：它比较的是句子，并不理解推理。",
    },
}


def text(key: str, language: Language, **values: object) -> str:
    """The text of a key, its places filled."""
    found = TEXTS[key][language.value]
    return found.format(**values) if values else found


_TOPICS = {
    "classical-ml": "经典机器学习",
    "computer-vision": "计算机视觉",
    "evaluation": "模型评估",
    "losses": "损失函数",
    "ml-systems": "机器学习系统",
    "neural-networks": "神经网络",
    "optimisation": "优化",
    "regularisation": "正则化",
    "sequence-models": "序列模型",
    "training-practice": "训练实践",
}
"""Chinese names of the topics of our own bank."""


def topic_name(topic: str, language: Language) -> str:
    """A topic in words; authors' own topics are shown as they are."""
    found = _TOPICS.get(topic) if language is Language.ZH else None
    return found or topic.replace("-", " ")

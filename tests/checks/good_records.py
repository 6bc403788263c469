"""Records as a careful person would accept them, of several domains and languages: no check has anything to say."""

from __future__ import annotations

from dataflow_core.models import Fields

_KEYS = ("atom_task", "parallel_task", "subsequent_task", "composition_task")


def task_record(*texts: str) -> Fields:
    return dict(zip(_KEYS, texts, strict=True))


def dialogue_record(*texts: str) -> Fields:
    roles = ("user", "assistant")
    turns = [{"role": roles[index % 2], "value": text} for index, text in enumerate(texts)]
    return {"category": "Information Retrieval", "topic": "Anything", "conversation": turns}


TASKS = {
    "an evening out": task_record(
        "Book a table for four at an Italian restaurant in Chicago for Saturday at 7 pm.",
        "Find tickets for four to a comedy show in Chicago that starts after 9 pm on Saturday.",
        "Write an invitation to the three friends with the restaurant's address, the time of the table, and the name "
        "and starting time of the comedy show.",
        "Plan Saturday evening in Chicago for the four of us: dinner at an Italian restaurant at 7 pm and a comedy "
        "show after 9 pm, and send my three friends an invitation with all the details.",
    ),
    "two trains": task_record(
        "Find a direct train from Milan to Zurich on Friday morning that arrives before noon.",
        "Find a direct train from Zurich to Milan on Sunday evening that leaves after 6 pm.",
        "Add up the fares of both trains and check whether a return ticket would be cheaper.",
        "I'm spending the weekend in Zurich. Which direct trains get me there from Milan before noon on Friday and "
        "back on Sunday after 6 pm, what do the fares add up to, and is a return ticket cheaper?",
    ),
    "the same task for another city": task_record(
        "Look up the pollen forecast for Vienna for the coming weekend.",
        "Look up the pollen forecast for Graz for the coming weekend.",
        "Pick the city with less pollen and draft a day trip there for someone with hay fever.",
        "Compare this weekend's pollen forecast for Vienna and Graz and draft a day trip for someone with hay fever to "
        "whichever of the two cities has less pollen.",
    ),
    "credit cards": task_record(
        "Compare the annual fees, cash-back rates and foreign transaction costs of three student credit cards.",
        "Work out how much I spend on groceries, travel and subscriptions in a typical month from the attached bank "
        "statement.",
        "Calculate which of the three cards would earn the most cash back, after its annual fee, for that monthly "
        "spending.",
        "Using my attached bank statement, work out what I spend a month on groceries, travel and subscriptions, "
        "compare three student credit cards by annual fee, cash-back rate and foreign transaction cost, and tell me "
        "which of them would earn me the most after its fee.",
    ),
    "programming": task_record(
        "Write a Python function that parses dates in the formats `2024-03-01` and `01.03.2024`.",
        "Collect twenty odd date strings from the import log, including leap days and two-digit years.",
        "Run the function over the collected strings and report every string that it parses wrongly.",
        "Write a Python date parser for `2024-03-01` and `01.03.2024`, gather twenty odd date strings from our import "
        "log, leap days and two-digit years included, and report which of them it gets wrong.",
    ),
    "a letter": task_record(
        "Write a polite email to the landlord asking for the broken hallway light to be repaired.",
        "Look up what the rental contract says about the landlord's duty to repair shared areas.",
        "Add the paragraph of the contract to the email and set a deadline of fourteen days.",
        "Help me get the hallway light fixed: find the passage in my rental contract on repairs to shared areas and "
        "write a polite email to the landlord that quotes it and sets a deadline of fourteen days.",
    ),
    "paint": task_record(
        "Calculate how many liters of paint are needed for two coats on four walls of 5 by 2.6 meters.",
        "Find the price of a liter of washable white wall paint at the hardware store on Main Street",
        "Work out what the paint will cost and round up to whole 5-liter buckets",
        "How much will it cost to give four walls of 5 by 2.6 meters two coats of washable white paint from the "
        "hardware store on Main Street, buying whole 5-liter buckets?",
    ),
    "data": task_record(
        "Plot the monthly rainfall of the last ten years from the weather station's spreadsheet.",
        "List the months of the last ten years in which the river gauge at the old bridge was above 3 m.",
        "Mark the flood months on the rainfall chart and describe how long the river takes to react.",
        "Make a chart of ten years of monthly rainfall from the weather station's spreadsheet, mark on it the months "
        'in which the gauge at the old bridge stood above 3 m ("flood months"), and describe how the river reacts.',
    ),
    "school": task_record(
        "Write five multiple-choice questions about photosynthesis for eighth graders.",
        "Summarize the chapter on cellular respiration in ten bullet points.",
        "Combine both into a one-page revision sheet with an answer key at the bottom.",
        "Prepare a one-page revision sheet for eighth graders with a ten-point summary of cellular respiration, five "
        "multiple-choice questions about photosynthesis and an answer key.",
    ),
    "threads": task_record(
        "Explain why task 2 of the build hangs when it is started as a parallel task in Gradle 8.",
        "Measure how long the build takes with one, two and four workers.",
        "Propose a number of workers with which the hanging task is avoided and the build stays under five minutes.",
        "Our Gradle 8 build hangs in task 2 when it runs as a parallel task: explain why, measure the build with one, "
        "two and four workers, and propose a setting that avoids the hang and stays under five minutes.",
    ),
    "a word with an apostrophe": task_record(
        "Translate the allergy notice for the school canteen from Spanish into English and Arabic.",
        "Design a poster template in A3 with the school’s logo and room for three columns.",
        "Set the Spanish, English and Arabic notices side by side on the poster and export it as a PDF.",
        "Make an A3 poster with the school’s logo that shows the canteen’s allergy notice in Spanish, English and "
        "Arabic (translated by you) in three columns, as a PDF.",
    ),
    "in short": task_record(
        "Rename the 240 scanned invoices by date and supplier.",
        "Export the list of paid invoices from the bank account.",
        "Move every invoice that has been paid to the folder 'Paid'.",
        "Rename my 240 scanned invoices by date and supplier, then use the bank account's export to move the paid ones "
        "to the folder 'Paid'.",
    ),
    "in German": task_record(
        "Suche eine Ferienwohnung für vier Personen an der Ostsee in der zweiten Augustwoche.",
        "Finde heraus, welche Züge am 8. August von Leipzig nach Rostock fahren und was sie kosten.",
        "Berechne aus der Miete und den Fahrkarten, was der Urlaub pro Person kostet.",
        "Plane für uns vier eine Woche an der Ostsee in der zweiten Augustwoche: Suche eine Ferienwohnung und die "
        "Züge von Leipzig nach Rostock am 8. August, und rechne aus, was Miete und Fahrkarten pro Person kosten.",
    ),
    "in Chinese": task_record(
        "查询本周六从上海到杭州的高铁车次和票价。",
        "在西湖附近找一家价格不超过五百元的酒店。",
        "根据车票和酒店的价格，制定一份周末两日游的预算。",
        "请帮我安排本周末的杭州两日游：查询周六从上海出发的高铁车次和票价，在西湖附近找一家五百元以内的酒店，并做一份总预算。",
    ),
    "in Japanese": task_record(
        "来週の金曜日に京都駅の近くで四人用の会議室を予約してください。",
        "京都駅の周辺で昼食の弁当を四つ配達してくれる店を探してください。",
        "会議室の住所と弁当の配達時間を参加者にメールで知らせてください。",
        "来週の金曜日に京都駅の近くで四人の会議を開きます。会議室を予約し、昼食の弁当を配達してくれる店を探し、住所と配達時間を参加者にメールで知らせてください。",
    ),
}

DIALOGUES = {
    "a short loan": dialogue_record(
        "I want to borrow 4,000 euros for a used car. Is a bank loan or a dealer's loan the better choice for me?",
        "For 4,000 euros a bank loan is usually cheaper, because dealers often add fees to a low advertised rate. "
        "Compare the effective annual rate of both offers; that figure already contains the fees.",
        "The bank says 6.9 percent over 24 months. What would I pay a month?",
        "About 179 euros a month, so roughly 4,294 euros in all. The interest comes to about 294 euros.",
        "And over 36 months?",
        "About 123 euros a month, so roughly 4,440 euros in all. You pay 56 euros less a month but 146 euros more in "
        "total.",
        "I can't decide yet. What should I ask the dealer on Saturday?",
        "Ask for the effective annual rate, any processing fee, whether early repayment is free, and what discount you "
        "get if you pay in cash. With a bank loan in hand you are a cash buyer.",
    ),
    "code, and a user who is sorry": dialogue_record(
        "My script stops with `KeyError: 'price'` when a line of the file has no price. How do I skip those lines?",
        "Use `get`, which returns None where the key is missing:\n\n```python\nfor line in lines:\n    price = "
        'line.get("price")\n    if price is None:\n        continue\n    total += price\n```\nThe lines are then left '
        "out.",
        "I'm sorry, I meant that I want to count them too :(",
        "No problem. Keep a counter beside the total: set `skipped = 0` before the loop and add `skipped += 1` before "
        "`continue`. Print both at the end.",
        "Sure, here is what I get: 12 skipped. Thanks!",
        "You're welcome! With 12 skipped lines it may be worth looking at one of them to see why the price is missing.",
    ),
    "a letter with a close": dialogue_record(
        "Here's the situation: my bike was stolen and the insurance wants a letter. Can you draft one?",
        "Dear Sir or Madam,\n\nmy bicycle (frame number AB123) was stolen on 3 May in front of the main library. I "
        "enclose the police report and the receipt, and ask you to confirm the claim.\n\nBest regards,\n[Your name]",
        "Make it shorter, please, and mention that it was locked",
        "Dear Sir or Madam,\n\non 3 May my locked bicycle (frame number AB123) was stolen in front of the main "
        "library. The police report and the receipt are enclosed.\n\nKind regards,",
    ),
    "in German": dialogue_record(
        "Ich möchte auf dem Balkon Tomaten ziehen. Welche Sorte eignet sich für Töpfe?",
        "Gut geeignet sind kleine Buschtomaten wie ‚Balkonstar‘ oder ‚Vilma‘. Sie bleiben unter 60 cm und brauchen "
        "einen Topf mit mindestens zehn Litern.",
        "Wie oft muss ich im Sommer gießen?",
        "An heißen Tagen morgens und abends, sonst einmal täglich. Gieße die Erde und nicht die Blätter, damit sich "
        "die Braunfäule nicht ausbreitet.",
    ),
    "in Chinese": dialogue_record(
        "我想学做红烧肉，需要准备哪些材料？",
        "准备五百克五花肉、冰糖、生抽、老抽、料酒、姜片、葱段和两颗八角就可以了。五花肉最好选肥瘦相间的。",
        "冰糖要炒多久才不会发苦？",
        "小火慢炒，等冰糖融化并变成浅琥珀色就立刻下肉，大约两到三分钟。颜色一旦变深就容易发苦。",
        "明白了，那要炖多长时间？",
        "加热水没过肉块，大火烧开后转小火炖四十五分钟到一小时，最后开大火收汁。",
    ),
}

// Built-in prompts, in the style of the bundled model.
/**
 * Prompts of a run that names none: openings of tales, of 3 to 120 tokens by the bundled tokenizer. Short ones stand
 * between long ones, so that every batch holds both.
 */
export const builtInPrompts: readonly string[] = [
  'The miller had a daughter who could whistle so sweetly that the wheel turned without any water.',
  'Far away, where the river runs into the sea, there stood a lighthouse with no door, and in it lived an old woman who had never once come down the stairs. Every evening she lit the lamp, and every morning she counted the ships that had passed in the night and wrote their number on the wall.',
  'Once upon a time',
  '"Who has been sitting on my roof?" cried the owl. "I heard feet upon the tiles all night long, and this morning my chimney is full of acorns."',
  'Long ago,',
  'When the snow lay deepest on the mountain, the youngest of the three brothers took his lantern and his loaf of bread, and set out to find the place where the north wind sleeps. He had not gone far when he met a fox with a silver bell about its neck. "Good morning," said the fox. "If you will share your bread with me, I will tell you which of the two roads ahead is the right one, and which of them only looks as if it were."',
  'A frog and a cricket shared one umbrella.',
  'There was once a tailor so poor that he had only a single button, and he sewed it every morning upon a different coat. One day a stranger in a green hat came into the shop, laid a purse upon the table, and said that he would give all the gold in it for the button, if only the tailor would promise never to ask him why.',
  "In the garden behind the baker's house grew a pear tree that bore bread instead of pears, and the children of the village",
  'The king had lost his shadow.',
  'Little Nell put the last of the crumbs upon the window-sill, and waited. First came the sparrow, then the robin, and then, to her great surprise, a very small dragon, no longer than her thumb, who took off his hat and bowed. "If you please," he said, "my mother is ill, and cannot fly, and the winter is coming over the hills faster than I can. They tell me that you have a warm stove, and a box with a lid, and that you know how to keep a great secret, even from the cat."',
  'Now the wolf was not hungry at all; he was only lonely, and nobody had ever asked him in to tea.',
  '"Turn back," whispered the brook, "for the bridge is asleep, and it is cross when it is woken."',
  'On the hundredth day of the rain the animals held a council in the barn. The goose spoke first, for she did not mind the wet; the cat spoke last, for she minded it most. At length it was agreed that somebody must climb up to the clouds',
  'The clock in the tower struck thirteen, and all the tin soldiers in the shop opened their eyes.',
  'There were two sisters who lived at the edge of a wood. The elder could spin moonlight into thread, and the younger could forget anything she wished; and so it happened that the one was always busy and the other always merry. But one night the moon did not rise. The elder sister sat idle at her wheel, and the younger tried to remember where she had seen it last.',
];
